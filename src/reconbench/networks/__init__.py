"""The architectures, as torch modules, and nothing else."""
