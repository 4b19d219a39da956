"""Forward models, one file each: from truth to measurement, without noise."""
