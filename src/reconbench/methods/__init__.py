"""Methods, one file each: from measurement to estimate."""
