"""Poisson noise at a dose: what counting electrons or photons does to an image."""

from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Description, Parameters, Reading

Dose = Annotated[float, Field(gt=0, le=1e9)]


class FixedDose(Parameters):
    """The same dose for every image."""

    law: Literal["fixed"] = "fixed"
    """Name of the law."""
    value: Dose = 100.0
    """Counts that a signal of 1 gives."""


class UniformDose(Parameters):
    """A dose drawn evenly between two bounds."""

    law: Literal["uniform"] = "uniform"
    """Name of the law."""
    low: Dose = 200.0
    """Smallest dose, in counts for a signal of 1."""
    high: Dose = 2500.0
    """Largest dose, in counts for a signal of 1."""

    @model_validator(mode="after")
    def _ordered(self) -> "UniformDose":
        if self.high < self.low:
            raise ValueError("high must not be below low")
        return self


class ExponentialDose(Parameters):
    """A smallest dose plus an exponentially distributed one."""

    law: Literal["exponential"] = "exponential"
    """Name of the law."""
    offset: float = Field(25.0, ge=0, le=1e9)
    """Smallest dose, in counts for a signal of 1."""
    mean: Dose = 75.0
    """Mean of the exponential part, in counts for a signal of 1."""


class Params(Parameters):
    """Parameters of the Poisson noise. The defaults are the low dose of Ede and Beanland (2019)."""

    dose: FixedDose | UniformDose | ExponentialDose = Field(default=ExponentialDose(), discriminator="law")
    """Law that the dose of an image is drawn from, in counts for a signal of 1."""
    reading: Reading = "corrected"
    """`corrected` divides the counts by the dose; `as_published` stretches each noisy image to [0, 1] instead."""


NOISE = Description(
    name="poisson",
    title="Poisson noise",
    reference="J. M. Ede and R. Beanland, Ultramicroscopy 202, 18 (2019), doi:10.1016/j.ultramic.2019.03.017",
)


def draw(params: Params, generator: np.random.Generator) -> dict[str, float]:
    """Draw the dose of one image.

    Returns
    -------
    dict
        ``{"dose": counts that a signal of 1 gives}``.
    """
    law = params.dose
    if law.law == "fixed":
        return {"dose": law.value}
    if law.law == "uniform":
        return {"dose": float(generator.uniform(law.low, law.high))}
    return {"dose": law.offset + float(generator.exponential(law.mean))}


def apply(clean: Any, generator: Any, params: Params, drawn: dict[str, float]) -> Any:
    """Count one image with its dose.

    Parameters
    ----------
    clean : ndarray or torch.Tensor
        One noiseless image or volume g. Negative values, which rounding in a blur can leave, count as 0.
    generator : numpy.random.Generator or torch.Generator
        Of the same library as `clean`.
    drawn : dict
        What `draw` gave: the dose c.

    Returns
    -------
    ndarray of float32 or torch.Tensor
        y = Poisson(c g) / c, or the same stretched to [0, 1] for the reading `as_published`.
    """
    dose = drawn["dose"]
    if isinstance(clean, np.ndarray):
        counts = generator.poisson(dose * np.clip(clean, 0, None).astype(np.float64))
        return _scale(counts, dose, params).astype(np.float32)
    import torch

    return _scale(torch.poisson(dose * clean.clamp(min=0), generator=generator), dose, params)


def _scale(counts: Any, dose: float, params: Params) -> Any:
    return _stretch(counts) if params.reading == "as_published" else counts / dose


def _stretch(counts: Any) -> Any:
    """Map the smallest count to 0 and the largest to 1; the authors put 0.5 where that divides 0 by 0."""
    low, high = counts.min(), counts.max()
    if low == high:
        return counts * 0 + 0.5
    return (counts - low) / (high - low)


def variance(signal: np.ndarray, params: Params, drawn: dict[str, float]) -> np.ndarray | None:
    """Return the variance of the noise where the noiseless image is `signal`.

    None for `as_published`, where it is not declared: after the stretch the variance depends on the extremes of
    the noisy image itself, which nobody who only sees that image can know.
    """
    if params.reading == "as_published":
        return None
    return np.clip(signal, 0, None) / drawn["dose"]


def gain(params: Params, drawn: dict[str, float]) -> float | None:
    """Return the counts that a signal of 1 gives; None for `as_published`, where the stretch hides it."""
    return None if params.reading == "as_published" else drawn["dose"]
