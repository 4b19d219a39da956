"""One training loop for all networks: what it samples, how it survives, what it writes."""
