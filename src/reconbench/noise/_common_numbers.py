"""Random numbers that stay while a noise's amplitude changes, from NumPy or torch, whichever the image is of.

A noise whose amplitude is searched for must see the same numbers at each amplitude (common random numbers). Uniform
and normal numbers are drawn once and scaled. A count cannot be scaled; it is looked up instead: the smallest k whose
cumulative probability reaches a uniform number, which grows with the mean and has the Poisson distribution.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

# Uniform numbers this near to 0 and 1 stand for them, whose normal quantiles are infinite.
NEAREST = 2.0**-53


def uniform(like: Any, generator: Any) -> Any:
    """Return float64 numbers, evenly distributed in [0, 1).

    Parameters
    ----------
    like : ndarray or torch.Tensor
        Gives shape, library and device.
    generator : numpy.random.Generator or torch.Generator
        Of the same library.
    """
    if isinstance(like, np.ndarray):
        return generator.random(like.shape)
    import torch

    return torch.rand(like.shape, generator=generator, dtype=torch.float64, device=like.device)


def normal(like: Any, generator: Any) -> Any:
    """Return float64 numbers with the standard normal distribution; for the parameters see `uniform`."""
    if isinstance(like, np.ndarray):
        return generator.standard_normal(like.shape)
    import torch

    return torch.randn(like.shape, generator=generator, dtype=torch.float64, device=like.device)


def double(image: Any) -> Any:
    """Return an image as float64."""
    return image.astype(np.float64) if isinstance(image, np.ndarray) else image.double()


def as_measured(image: Any, clean: Any) -> Any:
    """Return float32 for NumPy, and the type of the clean image for torch."""
    return image.astype(np.float32) if isinstance(image, np.ndarray) else image.to(clean.dtype)


def counter(like: Any, generator: Any, common: bool) -> Callable[[Any], Any]:
    """Return a function from the means, float64 and at least 0, to Poisson counts.

    Parameters
    ----------
    like, generator
        See `uniform`.
    common : bool
        Use the same random numbers whenever the function is called, at ten times the cost.
    """
    if common:
        return partial(poisson_quantiles, numbers=uniform(like, generator))
    if isinstance(like, np.ndarray):
        return generator.poisson
    import torch

    return partial(torch.poisson, generator=generator)


def poisson_quantiles(mean: Any, numbers: Any) -> Any:
    """Return the Poisson quantiles of uniform numbers.

    Parameters
    ----------
    mean : ndarray or torch.Tensor of float64
        At least 0.
    numbers : ndarray or torch.Tensor of float64
        In [0, 1), of the same shape: one for each mean.

    Returns
    -------
    ndarray or torch.Tensor of float64
        For each mean m and number p the smallest k = 0, 1, ... with P(k; m) >= p, where
        P(k; m) = Q(k + 1, m) is the cumulative Poisson probability, Q the regularised upper incomplete gamma function.
    """
    upper_gamma, normal_quantile = _functions(mean)
    numbers = numbers.clip(NEAREST, 1 - NEAREST)
    deviate = normal_quantile(numbers)
    # The expansion of Cornish and Fisher is seldom more than one count off; what is off is put right below.
    near = (mean + mean**0.5 * deviate + (deviate**2 - 1) / 6 - 0.5).round().clip(0, None).reshape(-1)
    mean, numbers = mean.reshape(-1), numbers.reshape(-1)
    _step(near, 1, lambda k, at: upper_gamma(k + 1, mean[at]) < numbers[at])
    _step(near, -1, lambda k, at: (k > 0) & (upper_gamma(k.clip(1, None), mean[at]) >= numbers[at]))
    return near.reshape(deviate.shape)


def _step(values: Any, step: int, wanted: Callable[[Any, Any], Any]) -> None:
    """Add `step` to values, in place, as long as it is wanted of them."""
    at = _where(wanted(values, slice(None)))
    while len(at):
        values[at] += step
        at = at[wanted(values[at], at)]


def _where(condition: Any) -> Any:
    return np.flatnonzero(condition) if isinstance(condition, np.ndarray) else condition.nonzero()[:, 0]


def _functions(like: Any) -> tuple[Any, Any]:
    if isinstance(like, np.ndarray):
        from scipy.special import gammaincc, ndtri

        return gammaincc, ndtri
    import torch

    return torch.special.gammaincc, torch.special.ndtri
