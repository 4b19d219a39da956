"""What the propagation models share: light, pixels and object, the field around the image, and the planes recorded.

Lengths are metres, angles and phases radians. Spatial frequencies q are radians per metre.
"""

import math
from abc import ABC, abstractmethod
from typing import Annotated, Literal

from pydantic import Field

from reconbench.contracts import Parameters, Reading
from reconbench.errors import UserError

Distance = Annotated[float, Field(ge=-1, le=1)]
# Transfer functions are kept for the next image up to this size; those beyond it are made each time.
KEPT_BYTES = 512 << 20


class Optics(Parameters):
    """Light, medium, pixels and object; lengths in metres, phases in radians."""

    wavelength: float = Field(default=0.525e-6, gt=0, le=1e-3)
    """Wavelength of the light in vacuum, in metres. Wang et al. (2018) give none; this is that of their
    simulation of HeLa cells."""
    refractive_index: float = Field(default=1.0, ge=1, le=3)
    """Refractive index of what the light travels through."""
    pixel_size: float = Field(default=2.48e-6, gt=0, le=1e-2)
    """Width of a pixel in the sample, in metres. Wang et al. (2018) have 512 of 0.31 micrometres, and the default is
    the same field in 64."""
    phase_range: float = Field(default=1.5, gt=0, le=100)
    """Phase in radians where the truth is 1. Wang et al. (2018) have 1.5 for defocus and 2 pi for astigmatism."""
    object: Literal["phase", "wave"] = "phase"
    """What the truth is: the phase, or the amplitude of the wave and its phase in two channels."""
    reading: Reading = "corrected"
    """`corrected` propagates in free space and records the intensity; `as_published` takes the transfer function as
    Wang et al. (2018) print it and records the amplitude."""

    @property
    def wavenumber(self) -> float:
        """In the medium, in radians per metre."""
        return 2 * math.pi * self.refractive_index / self.wavelength


class WaveModel(ABC):
    """The planes that are recorded of a wave behind an object, each after a transfer function of its own.

    Takes a truth of shape (..., y, x), or (..., 2, y, x) for an object that is a wave, and gives (..., planes, y, x).
    Beyond the edges the object goes on, mirrored again and again. That has a period of twice the image, and is
    propagated on this larger field, so that nothing joins one edge to the opposite one; the image is cut out of it.

    Parameters
    ----------
    params : Optics
    positions : tuple of float
        What tells the planes apart, distances in metres or rotations in radians.

    Attributes
    ----------
    positions : tuple of float
    planes : int
    wavelength : float
        In vacuum, in metres.
    refractive_index : float
    wavenumber : float
        In the medium, in radians per metre.
    pixel_size : float
        In metres.
    phase_range : float
        In radians.
    object : {"phase", "wave"}
    reading : {"corrected", "as_published"}
    intensity : bool
        Whether a plane is the intensity of the wave, or else its amplitude.
    """

    def __init__(self, params: Optics, positions: tuple[float, ...]):
        self.positions = positions
        self.planes = len(positions)
        self.wavelength = params.wavelength
        self.refractive_index = params.refractive_index
        self.wavenumber = params.wavenumber
        self.pixel_size = params.pixel_size
        self.phase_range = params.phase_range
        self.object = params.object
        self.reading = params.reading
        self.intensity = params.reading == "corrected"
        self._kept: dict = {}
        self._kept_for: tuple = ()

    def __call__(self, truth):
        """Return what is recorded of a truth, without noise; where there is no object it is 1.

        Raises
        ------
        UserError
            If the truth is not what `object` says, or twice its size is too small a field for the distance.
        """
        import torch

        wave = self.wave(truth)
        for axis in (-2, -1):
            wave = torch.cat([wave, wave.flip(axis)], dim=axis)
        spectrum = torch.fft.fft2(wave)
        height, width = truth.shape[-2:]
        return torch.stack(
            [self._record(spectrum, position)[..., :height, :width] for position in self.positions], dim=-3
        )

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the measurement of a truth of this shape."""
        others = truth_shape[: -2 if self.object == "phase" else -3]
        return (*others, self.planes, *truth_shape[-2:])

    def wave(self, truth):
        """Return the complex wave right behind the object, of shape (..., y, x): amplitude exp(i phase_range truth).

        Raises
        ------
        UserError
            If the truth is not what `object` says.
        """
        import torch

        if self.object == "phase":
            return torch.polar(torch.ones_like(truth), self.phase_range * truth)
        if truth.ndim < 3 or truth.shape[-3] != 2:
            raise UserError(
                "a truth that is a wave has the shape (2, y, x), amplitude and phase; this one has "
                f"{tuple(truth.shape)}"
            )
        amplitude, phase = truth.unbind(-3)
        return torch.polar(amplitude, self.phase_range * phase)

    def propagate(self, wave, position: float):
        """Return what a wave becomes on its way to a plane, on the periodic grid it comes on.

        Parameters
        ----------
        wave : torch.Tensor
            Complex, shape (..., y, x).
        position : float
            That of any plane: a distance in metres, or a rotation in radians.

        Returns
        -------
        torch.Tensor

        Raises
        ------
        UserError
            If the field is too small for the distance.
        """
        import torch

        transfer = self.propagator(wave.shape[-2:], position, wave.device, wave.dtype)
        return torch.fft.ifft2(torch.fft.fft2(wave) * transfer)

    def propagator(self, shape: tuple[int, int], position: float, device="cpu", dtype=None):
        """Return the transfer function to a plane.

        Parameters
        ----------
        shape : tuple of int
            Grid (y, x).
        position : float
            A distance in metres, or a rotation in radians.
        device : torch.device or str
        dtype : torch.dtype, optional
            Complex; by default complex64. It is computed in double precision and rounded once.

        Returns
        -------
        torch.Tensor
            Complex, of this shape, the whole grid in the order of `torch.fft.fftn`.

        Raises
        ------
        UserError
            If the field is too small for the distance.
        """
        import torch

        grid = (tuple(shape), torch.device(device), dtype or torch.complex64)
        if self._kept_for != grid:
            self._kept, self._kept_for = {}, grid
        if position in self._kept:
            return self._kept[position]
        self._require_field(*shape, distance=self._distance(position))
        # What is made in inference mode could not be used in training later.
        with torch.inference_mode(False):
            transfer = self._transfer_function(*self._frequencies(shape, device), position).to(grid[2])
        if (len(self._kept) + 1) * transfer.nbytes <= KEPT_BYTES:
            self._kept[position] = transfer
        return transfer

    @abstractmethod
    def _distance(self, position: float) -> float:
        """Return how far away a plane is, in metres."""

    @abstractmethod
    def _transfer_function(self, q_y, q_x, position: float):
        """Return the transfer function to a plane as complex128, given frequencies that broadcast."""

    def _record(self, spectrum, position: float):
        """Return the intensity or the amplitude in a plane, given the Fourier transform of the wave."""
        import torch

        transfer = self.propagator(spectrum.shape[-2:], position, spectrum.device, spectrum.dtype)
        wave = torch.fft.ifft2(spectrum * transfer)
        return wave.real**2 + wave.imag**2 if self.intensity else wave.abs()

    def _frequencies(self, shape: tuple[int, int], device):
        """Return q_y and q_x of a grid in radians per metre, of shapes (y, 1) and (1, x)."""
        import torch

        spacing = self.pixel_size / (2 * math.pi)
        q_y, q_x = (torch.fft.fftfreq(size, spacing, dtype=torch.float64, device=device) for size in shape)
        return q_y[:, None], q_x[None, :]

    def _require_field(self, height: int, width: int, distance: float) -> None:
        """Refuse a grid whose period light of the finest detail, two pixels, crosses on its way.

        By diffraction it moves wavelength |z| / (2 n pixel_size) to either side.
        """
        needed = self.wavelength * abs(distance) / (self.refractive_index * self.pixel_size**2)
        if min(height, width) < needed:
            raise UserError(
                f"a field of {height} x {width} pixels of {self.pixel_size:.3g} m is too small for light to travel "
                f"{abs(distance):.3g} m; it takes at least wavelength |z| / (n pixel_size^2) = {math.ceil(needed)} "
                "pixels in each direction, half of them an image and half its mirror image"
            )


def require_as_printed(params: Optics, **corrections: float | None) -> None:
    """Raise ValueError where the reading `as_published` is given something that the printed formulas do not know."""
    given = [name for name, value in corrections.items() if value]
    if params.object == "wave":
        given.append("object: wave")
    if params.reading == "as_published" and given:
        raise ValueError(f"the formula as published knows no {given[0]}; leave it out or take the reading corrected")
