"""Simulated planes through focus, for tests of registration and prediction: fine texture that absorbs and delays."""

import numpy as np
from scipy.ndimage import gaussian_filter

from reconbench.forward import through_focus

PIXEL = 0.32e-6
OPTICS = {
    "wavelength": 532e-9,
    "pixel_size": PIXEL,
    "object": "wave",
    "numerical_aperture": 0.5,
    "aperture_smoothing": 0,
}


def textures(size, absorption=0.1, seed=0):
    """Amplitude and phase of a specimen, the phase from 0 to 1; neither looks like the other. Shape (2, y, x)."""
    source = np.random.default_rng(seed)
    fine = [gaussian_filter(source.normal(size=(size, size)), 1.5, mode="wrap") for _ in range(2)]
    absorbed, phase = ((part - part.min()) / np.ptp(part) for part in fine)
    return np.stack([1 - absorption * absorbed, phase])


def intensities(specimen, distances, phase_range=0.5):
    """What is measured of a specimen in planes at some distances in metres."""
    import torch

    params = through_focus.Params(**OPTICS, phase_range=phase_range, distances=distances)
    return through_focus.build(params)(torch.from_numpy(specimen)).numpy()


def shifted(plane, shift):
    """A plane moved by fractions of a pixel along y and x; what leaves it comes in on the other side."""
    along_y, along_x = (np.fft.fftfreq(size) for size in plane.shape)
    wave = np.exp(-2j * np.pi * np.add.outer(along_y * shift[0], along_x * shift[1]))
    return np.fft.ifft2(np.fft.fft2(plane) * wave).real
