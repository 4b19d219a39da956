"""The six terms of the self-supervised deconvolution loss of Papkov et al. (2023), equation 1.

f is the network, g the convolution with the point-spread function, x the measurement, J the masked pixels and x_Jc the
measurement in which they are replaced by noise. A method is a weighting of the terms.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch

from reconbench.contracts import Batch, Reading
from reconbench.networks.deconvolver import Deconvolver

# The authors' code lets values exceed the bounds by so much.
TOLERANCE = 1e-8


class Passes:
    """The forward passes of one step, each made when it is first asked for.

    Parameters
    ----------
    networks : Deconvolver
    batch : Batch
        Standardised patches x, shape (n, 1, [z,] y, x).
    masked : torch.Tensor
        x_Jc.
    mask : torch.Tensor
        J, bool, same shape.
    reading : {"corrected", "as_published"}
        Of the boundary terms.
    """

    def __init__(self, networks: Deconvolver, batch: Batch, masked: torch.Tensor, mask: torch.Tensor, reading: Reading):
        self.networks = networks
        self.batch = batch
        self.masked = masked
        self.mask = mask
        self.reading = reading

    @cached_property
    def deconvolved(self) -> torch.Tensor:
        """f(x)."""
        return self.networks(self.batch.measurement).float()

    @cached_property
    def deconvolved_masked(self) -> torch.Tensor:
        """f(x_Jc)."""
        return self.networks(self.masked).float()

    @cached_property
    def reconvolved(self) -> torch.Tensor:
        """g(f(x))."""
        return self.networks.reconvolve(self.deconvolved)

    @cached_property
    def reconvolved_masked(self) -> torch.Tensor:
        """g(f(x_Jc))."""
        return self.networks.reconvolve(self.deconvolved_masked)

    @property
    def is_blind(self) -> bool:
        """Whether no pass but the masked one was made, so that the boundary terms are of that."""
        return "deconvolved" not in vars(self)

    def unstandardised(self, values: torch.Tensor) -> torch.Tensor:
        """Return values in the units of the measurement."""
        return values * self.batch.scale + self.batch.offset


def blind_spot(passes: Passes) -> torch.Tensor:
    """Return L_bsp, the mean of (g(f(x_Jc)) - x)^2 over J."""
    return _mean_square_over_mask(passes.reconvolved_masked - passes.batch.target, passes.mask)


def reconstruction(passes: Passes) -> torch.Tensor:
    """Return L_rec, the mean of (g(f(x)) - x)^2 over all pixels."""
    return (passes.reconvolved - passes.batch.target).square().mean()


def reconvolved_invariance(passes: Passes) -> torch.Tensor:
    """Return L_inv, the root of the mean of (g(f(x)) - g(f(x_Jc)))^2 over J."""
    return _mean_square_over_mask(passes.reconvolved - passes.reconvolved_masked, passes.mask).sqrt()


def deconvolved_invariance(passes: Passes) -> torch.Tensor:
    """Return L_inv(d), the root of the mean of (f(x) - f(x_Jc))^2 over J."""
    return _mean_square_over_mask(passes.deconvolved - passes.deconvolved_masked, passes.mask).sqrt()


def reconvolved_boundary(passes: Passes) -> torch.Tensor:
    """Return L_bound: how far g(f(x)) leaves [0, 1]."""
    values = passes.reconvolved_masked if passes.is_blind else passes.reconvolved
    return _beyond_bounds(passes.unstandardised(values), passes.reading)


def deconvolved_boundary(passes: Passes) -> torch.Tensor:
    """Return L_bound(d): how far f(x) leaves [0, 1]."""
    values = passes.deconvolved_masked if passes.is_blind else passes.deconvolved
    return _beyond_bounds(passes.unstandardised(values), passes.reading)


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The weight of each term, by its name; equations 2 to 4 are three choices."""

    blind_spot: float = 0.0
    reconstruction: float = 0.0
    reconvolved_invariance: float = 0.0
    deconvolved_invariance: float = 0.0
    reconvolved_boundary: float = 0.0
    deconvolved_boundary: float = 0.0


# Boundary terms last: they look at the passes that the others have made.
TERMS: dict[str, Callable[[Passes], torch.Tensor]] = {
    term.__name__: term
    for term in (
        blind_spot,
        reconstruction,
        reconvolved_invariance,
        deconvolved_invariance,
        reconvolved_boundary,
        deconvolved_boundary,
    )
}


def weighted_sum(passes: Passes, weights: Weights) -> torch.Tensor:
    """Return equation 1, a scalar; a term of weight 0 is not computed."""
    chosen = {name: getattr(weights, name) for name in TERMS}
    return sum(weight * TERMS[name](passes) for name, weight in chosen.items() if weight)


def _mean_square_over_mask(difference: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return (difference.square() * mask).sum() / mask.sum()


def _beyond_bounds(values: torch.Tensor, reading: Reading) -> torch.Tensor:
    """Return by how much values lie outside of [0, 1].

    `corrected` is what is printed, the mean of |0 - z| + |z - 1|: 1 for values within the bounds, and two more for each
    unit beyond. `as_published` is what the authors' code has: z over its largest value, and the squared mean of what is
    below 0 or above 1, which nothing is any more.
    """
    if reading == "corrected":
        return (values.abs() + (values - 1).abs()).mean()
    scaled = values / values.max()
    return (torch.relu(-scaled - TOLERANCE) + torch.relu(scaled - 1 - TOLERANCE)).mean().square()
