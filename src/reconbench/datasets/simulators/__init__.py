"""Simulated truths, ONE FILE A SIMULATOR: each has `Params` and ``simulate(generator, size, params)``."""
