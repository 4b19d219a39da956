"""Metrics, one file each: how far an estimate is from the truth."""
