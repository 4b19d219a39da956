"""Noises, one file each: the random part of a measurement."""
