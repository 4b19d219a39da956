"""A network whose output, blurred once more, is to be the measurement."""

import numpy as np
import torch

from reconbench.networks.point_spread import Algorithm, Boundary, PointSpreadConvolution


class Deconvolver(torch.nn.Module):
    """A network f and the convolution g with a fixed point-spread function behind it.

    f is what restores; g is there for training alone, and has no weights (Kobayashi et al. 2020, arXiv:2006.06156;
    Papkov et al. 2023, figure 1).

    Parameters
    ----------
    network : torch.nn.Module
        With `multiple` and `reach`.
    kernel : ndarray
        Shape ([z,] y, x), odd sizes, sums to 1.
    boundary : {"replicate", "reflect"}
        What a patch is beyond its edge.
    algorithm : {"auto", "direct", "fft"}
        How g is computed.
    """

    def __init__(self, network: torch.nn.Module, kernel: np.ndarray, boundary: Boundary, algorithm: Algorithm):
        super().__init__()
        self.network = network
        self.point_spread = PointSpreadConvolution(kernel, boundary, algorithm)
        self.multiple, self.reach = network.multiple, network.reach

    def forward(self, measurement: torch.Tensor) -> torch.Tensor:
        """Return the deconvolved images f(x), shape (n, 1, [z,] y, x) as the measurement."""
        return self.network(measurement)

    def reconvolve(self, deconvolved: torch.Tensor) -> torch.Tensor:
        """Return g(z) in single precision, of the same shape."""
        return self.point_spread(deconvolved)
