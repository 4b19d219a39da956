"""The trainable Wiener block of Moskalev (2019): a Wiener filter whose regulariser is learned."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
import torch
from torch.nn import functional

from reconbench.errors import UserError
from reconbench.networks.kernel_dictionaries import Initialisation, initial_kernels
from reconbench.networks.periodic_images import Boundary, TransferFunctions, make_periodic

Weight = Literal["learned", "predicted"]

# A twentieth: between what little and what much noise ask for.
FIRST_LOG_WEIGHT = -3.0
CONVOLUTIONS = {2: functional.conv2d, 3: functional.conv3d}
LAYERS = {2: torch.nn.Conv2d, 3: torch.nn.Conv3d}


class TrainableWiener(torch.nn.Module):
    """Deconvolution in closed form, regularised by learned kernels.

    With the discrete Fourier transform F, the transfer function D_K of an image's own point-spread function and those
    D_G of the kernels g, it is (Moskalev 2019, "Generic form of Wiener filter")

        x = F^H (|D_K|^2 + e^alpha sum_d |D_Gd|^2)^-1 D_K^* F y,    g_d = s_d (v_d - mean v_d) / ||v_d - mean v_d||.

    The kernels have the mean 0, so that the mean of the image is not regularised.

    Parameters
    ----------
    kernel_size : sequence of int
        Of the learned kernels in pixels, ([z,] y, x), odd.
    number : int
        How many there are.
    initialisation : {"xavier", "dct", "gabor"}
        What the directions v begin with, see `initial_kernels`. The scales s begin with 1 / sqrt(number): the mean over
        all frequencies of the sum of the power spectra is then 1.
    weight : {"learned", "predicted"}
        Whether alpha is one learned number, or that which a learned function makes of each measurement.
    boundary : {"fade", "edge_taper", "circular"}
        How the measurement is made periodic, see `make_periodic`.

    Attributes
    ----------
    direction, scale : torch.nn.Parameter
        v, shape (number, [z,] y, x), and s, shape (number,).
    log_weight : torch.nn.Parameter or PredictedLogWeight
        alpha, shape (), or what predicts it.

    Raises
    ------
    UserError
        If the initialisation does not have such kernels, or a word is unknown.
    """

    def __init__(
        self,
        kernel_size: Sequence[int],
        number: int,
        initialisation: Initialisation = "dct",
        weight: Weight = "learned",
        boundary: Boundary = "fade",
    ):
        super().__init__()
        self.boundary = boundary
        self.dimensions = len(kernel_size)
        self.direction = torch.nn.Parameter(initial_kernels(initialisation, kernel_size, number))
        self.scale = torch.nn.Parameter(torch.full((number,), number**-0.5))
        if weight not in ("learned", "predicted"):
            raise UserError(f"the weight {weight!r} is unknown; it is learned or predicted")
        if weight == "learned":
            self.log_weight = torch.nn.Parameter(torch.tensor(FIRST_LOG_WEIGHT))
        else:
            self.log_weight = PredictedLogWeight(self.dimensions, FIRST_LOG_WEIGHT)
        self._transfers = TransferFunctions()

    @property
    def kernels(self) -> torch.Tensor:
        """The kernels g, shape (number, [z,] y, x)."""
        axes = tuple(range(1, 1 + self.dimensions))
        varying = self.direction - self.direction.mean(axes, keepdim=True)
        norm = torch.linalg.vector_norm(varying, dim=axes, keepdim=True)
        scale = self.scale.reshape(-1, *[1] * self.dimensions)
        return scale * varying / norm.clamp(min=torch.finfo(norm.dtype).tiny)

    def log_weights(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return alpha for each measurement of a batch, shape (n,)."""
        if isinstance(self.log_weight, PredictedLogWeight):
            return self.log_weight(measurement)
        return self.log_weight.expand(len(measurement))

    def forward(self, measurement: torch.Tensor, point_spreads: Sequence[np.ndarray]) -> torch.Tensor:
        """Deconvolve measurements of shape (n, 1, [z,] y, x), the result of the same shape.

        Parameters
        ----------
        measurement : torch.Tensor
            float32, or float64 with parameters of that type.
        point_spreads : sequence of ndarray
            One a measurement, shape ([z,] y, x), odd sizes, the origin in the middle. The same object is taken for the
            same function.

        Raises
        ------
        UserError
            If the axes do not fit, or there are not as many point-spread functions as measurements.
        """
        if measurement.ndim != self.dimensions + 2 or measurement.shape[1] != 1:
            raise UserError(
                f"kernels of {self.dimensions} axes deconvolve batches of as many axes besides those of the image's "
                f"number and its one channel, not of shape {tuple(measurement.shape)}"
            )
        if len(point_spreads) != len(measurement):
            raise UserError(
                f"{len(measurement)} measurements need as many point-spread functions, not {len(point_spreads)}"
            )
        with torch.autocast(measurement.device.type, enabled=False):
            measurement = measurement.to(self.direction.dtype)
            weights = self.log_weights(measurement).exp()
            correlation = summed_autocorrelation(self.kernels)
            groups = _places_of_each(point_spreads)
            estimates = [
                self._deconvolved(measurement[places], point_spreads[places[0]], weights[places], correlation)
                for places in groups
            ]
            return torch.cat(estimates)[np.argsort(np.concatenate(groups))]

    def _deconvolved(
        self, measurement: torch.Tensor, point_spread: np.ndarray, weights: torch.Tensor, correlation: torch.Tensor
    ) -> torch.Tensor:
        """Return F^H (|D_K|^2 + e^alpha sum_d |D_Gd|^2)^-1 D_K^* F y for images of one point-spread function."""
        periodic, corner = make_periodic(measurement, point_spread, self.boundary, self._transfers)
        grid, axes = tuple(periodic.shape[2:]), tuple(range(2, periodic.ndim))
        transfer, power = self._transfers(point_spread, grid, periodic.dtype, periodic.device)
        regulariser = weights.reshape(-1, *[1] * (1 + len(grid))) * power_spectrum(correlation, grid)
        # Below the rounding error of |D_K|^2 there is nothing to divide by.
        denominator = (power + regulariser).clamp(min=torch.finfo(power.dtype).eps)
        spectrum = transfer.conj() * torch.fft.rfftn(periodic, dim=axes) / denominator
        estimate = torch.fft.irfftn(spectrum, s=grid, dim=axes)
        inside = (slice(start, start + size) for start, size in zip(corner, measurement.shape[2:], strict=True))
        return estimate[(..., *inside)]


class PredictedLogWeight(torch.nn.Module):
    """The log-weight alpha of an image as a learned function of its measurement and nothing else.

    With the mean power p_f of the measurement behind each of some learned filters of three pixels a side, it is

        alpha = b + mean_f a_f log(p_f + 1e-8),

    so that a weight in proportion to a power of the noise over one of the signal lies within its reach. The powers are
    means over the whole image, which may have any size.

    Parameters
    ----------
    dimensions : int
        2 or 3.
    start : float
        What it predicts before it has learned anything.
    number : int
        How many filters there are.
    """

    floor = 1e-8

    def __init__(self, dimensions: int, start: float, number: int = 16):
        super().__init__()
        self.filters = LAYERS[dimensions](1, number, 3, bias=False)
        self.slope = torch.nn.Parameter(torch.zeros(number))
        self.offset = torch.nn.Parameter(torch.tensor(start))

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return alpha for measurements of shape (n, 1, [z,] y, x), shape (n,).

        Raises
        ------
        UserError
            If an axis is shorter than a filter.
        """
        sizes = tuple(measurement.shape[2:])
        if min(sizes) < 3:
            raise UserError(f"a weight is predicted from three pixels along each axis at least, not from {sizes}")
        powers = self.filters(measurement).square().flatten(start_dim=2).mean(dim=2)
        return self.offset + ((powers + self.floor).log() * self.slope).mean(dim=1)


def summed_autocorrelation(kernels: torch.Tensor) -> torch.Tensor:
    """Return the sum over kernels of their autocorrelations.

    Parameters
    ----------
    kernels : torch.Tensor
        Shape (number, [z,] y, x).

    Returns
    -------
    torch.Tensor
        Twice the sizes of a kernel less one, the lag 0 in the middle.
    """
    margins = [size - 1 for size in kernels.shape[1:]]
    return CONVOLUTIONS[len(margins)](kernels[None], kernels[None], padding=margins)[0, 0]


def power_spectrum(correlation: torch.Tensor, grid: Sequence[int]) -> torch.Tensor:
    """Return the power spectrum that belongs to an autocorrelation, on a periodic grid.

    Parameters
    ----------
    correlation : torch.Tensor
        Shape ([z,] y, x), odd sizes, the lag 0 in the middle, the same at opposite lags. What is larger than the grid
        wraps around.
    grid : sequence of int

    Returns
    -------
    torch.Tensor
        Real, the non-negative half of the last axis as `torch.fft.rfftn` orders it.

    Notes
    -----
    An autocorrelation is so small beside the grid that its Fourier sum, axis by axis, takes less than an FFT.
    """
    spectrum = correlation.to(torch.promote_types(correlation.dtype, torch.complex64))
    for axis, size in enumerate(grid):
        last = axis == len(grid) - 1
        frequencies = (torch.fft.rfftfreq if last else torch.fft.fftfreq)(size, dtype=torch.float64)
        lags = torch.arange(correlation.shape[axis], dtype=torch.float64) - correlation.shape[axis] // 2
        waves = torch.exp(-2j * torch.pi * torch.outer(lags, frequencies)).to(spectrum)
        # The axis that is transformed is the first one, and becomes the last.
        spectrum = torch.tensordot(spectrum, waves, dims=([0], [0]))
    return spectrum.real


def _places_of_each(objects: Sequence[object]) -> list[list[int]]:
    """Return the places at which each of several objects stands."""
    places: dict[int, list[int]] = {}
    for place, each in enumerate(objects):
        places.setdefault(id(each), []).append(place)
    return list(places.values())
