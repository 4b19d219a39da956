"""reconbench: learned and classical solvers of the same inverse problems in microscopy, compared fairly."""
