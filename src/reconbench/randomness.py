"""Random numbers by address: the same draw for the same place, whatever ran before it."""

import hashlib

import numpy as np


def generator(seed: int, *address: str | int) -> np.random.Generator:
    """Return the generator that belongs to an address.

    Parameters
    ----------
    seed : int
        Seed of the whole run, at least 0.
    *address : str or int
        For instance stage, problem, image, repetition. The same address gives the same numbers in
        every process, order and number of jobs; two addresses give independent ones.

    Returns
    -------
    numpy.random.Generator
    """
    return np.random.default_rng(np.random.SeedSequence([seed, *words(*address)]))


def words(*address: str | int) -> list[int]:
    """Return four 32-bit words that stand for an address, by SHA-256 (Python's own `hash` differs per process)."""
    digest = hashlib.sha256("\x1f".join(f"{type(part).__name__}:{part}" for part in address).encode()).digest()
    return [int.from_bytes(digest[4 * i : 4 * i + 4], "little") for i in range(4)]
