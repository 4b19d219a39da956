"""Phase objects whose measurement is known, for tests of phase retrieval: periodic, and propagated in double precision.

The pixel is that of the measured cheek cells (0.31 micrometres), the wavelength that of the simulated HeLa cells (0.525
micrometres), as no wavelength is given for the former.
"""

from types import SimpleNamespace

import numpy as np

from reconbench.contracts import Problem

WAVELENGTH = 0.525e-6
PIXEL = 0.31e-6


def blobs(size=128, sigma=20.0, number=6, seed=0):
    """Periodic Gaussian blobs, the highest value 1."""
    source = np.random.default_rng(seed)
    y, x = np.mgrid[:size, :size]
    image = np.zeros((size, size))
    for _ in range(number):
        middle_y, middle_x = source.uniform(0, size, 2)
        distances = ((axis - middle + size / 2) % size - size / 2 for axis, middle in ((y, middle_y), (x, middle_x)))
        image += source.uniform(0.3, 1) * np.exp(-sum(distance**2 for distance in distances) / (2 * sigma**2))
    return image / image.max()


def transfer(shape, distance, index=1.0):
    """What plane waves become on their way, in the order of fftn; those that do not travel are cut."""
    wavenumber = 2 * np.pi * index / WAVELENGTH
    squared = np.add.outer(*((2 * np.pi * np.fft.fftfreq(size, PIXEL)) ** 2 for size in shape))
    axial = np.sqrt((wavenumber**2 - squared).clip(min=0))
    return (axial > 0) * np.exp(1j * distance * (axial - wavenumber))


def intensities(wave, distances, index=1.0):
    """What is measured of a wave, shape (c, y, x), float32."""
    spectrum = np.fft.fft2(wave)
    planes = [np.abs(np.fft.ifft2(spectrum * transfer(wave.shape, z, index))) ** 2 for z in distances]
    return np.stack(planes).astype(np.float32)


def instrument(distances, truth="phase", phase_range=1.0, index=1.0, **others):
    """A stand-in for a forward model, on the periodic grid it is asked for."""
    import torch

    def propagator(shape, distance, device="cpu"):
        return torch.from_numpy(transfer(shape, distance, index).astype(np.complex64)).to(device)

    facts = {
        "distances": tuple(distances),
        "positions": tuple(distances),
        "planes": len(distances),
        "wavelength": WAVELENGTH,
        "refractive_index": index,
        "wavenumber": 2 * np.pi * index / WAVELENGTH,
        "pixel_size": PIXEL,
        "phase_range": phase_range,
        "object": truth,
        "intensity": True,
        "propagator": propagator,
    }
    return SimpleNamespace(**{**facts, **others})


def problem(forward):
    return Problem(kind="phase_retrieval", forward_model=forward, told=frozenset({"forward model"}))


def error(estimate, truth):
    """Norm of the difference over that of the truth, each without its mean."""
    estimate, truth = estimate - estimate.mean(), truth - truth.mean()
    return np.linalg.norm(estimate - truth) / np.linalg.norm(truth)
