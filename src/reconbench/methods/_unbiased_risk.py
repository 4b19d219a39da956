"""The mean squared error of an estimate, estimated without the truth, for Poisson and Gaussian noise (PGURE)."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from reconbench.methods._noise_estimation import PoissonGaussian

STEP = 1e-4  # of the largest value: first differences
SECOND_STEP = 100  # times that: second differences
# The second probe has two values, here with third moment 1: the larger one is drawn with probability 1 - P.
P = 0.5 + 0.5 / np.sqrt(5)


@dataclass(frozen=True)
class Probes:
    """Random directions along which an estimator is differentiated.

    Parameters
    ----------
    first : ndarray
        +1 or -1 with equal probability.
    second : ndarray
        -sqrt((1 - p) / p) with probability p = 1/2 + 1 / (2 sqrt(5)), else sqrt(p / (1 - p)): mean 0, variance 1 and
        third moment 1.
    step, second_step : float
        How far along each, in units of the measurement.
    """

    first: np.ndarray
    second: np.ndarray
    step: float
    second_step: float

    @classmethod
    def draw(cls, shape: tuple[int, ...], largest: float, generator: np.random.Generator) -> "Probes":
        """Draw probes of a shape for a measurement whose largest value is given, above 0."""
        step = STEP * largest
        return cls(
            first=np.where(generator.random(shape) < 0.5, 1.0, -1.0),
            second=np.where(generator.random(shape) < P, -np.sqrt((1 - P) / P), np.sqrt(P / (1 - P))),
            step=step,
            second_step=SECOND_STEP * step,
        )

    def at(self, pixels: Any) -> "Probes":
        """Return the probes at some of the pixels."""
        return Probes(self.first[pixels], self.second[pixels], self.step, self.second_step)

    @property
    def displacements(self) -> tuple[Any, ...]:
        """What to add to the measurement for the estimates that `unbiased_risk` takes, in their order."""
        return (
            np.zeros_like(self.first),
            self.step * self.first,
            self.second_step * self.second,
            -self.second_step * self.second,
        )


def unbiased_risk(measurement: Any, estimates: tuple[Any, ...], probes: Probes, noise: PoissonGaussian) -> float:
    """Estimate the mean squared error of an estimate of x, where y = gain Poisson(x / gain) + N(offset, deviation^2).

    Parameters
    ----------
    measurement : array
        y, of any shape; numpy or torch.
    estimates : tuple of four arrays
        f(y), and f of y displaced by each of `probes.displacements`.
    probes : Probes
        Of the shape of the measurement.
    noise : PoissonGaussian

    Returns
    -------
    float
        Unbiased up to the second derivative of f, which takes the place of a difference of one count.

    Notes
    -----
    With a the gain, m the offset, s the deviation, d the probes and e their steps, the mean over all pixels of

        (f - y)^2 - (a + 2 m) y + 2 m f + m^2 + a m - s^2
        + 2 d1 (a (y - m) + s^2) (f(y + e1 d1) - f) / e1
        - 2 a s^2 d2 (f(y + e2 d2) - 2 f + f(y - e2 d2)) / e2^2.

    Its constants hold for any offset, those that were published for none only. The published sum runs over all
    frames of a window; any set of pixels will do, if they alone are displaced.

    References
    ----------
    Y. Le Montagner, E. D. Angelini and J.-C. Olivo-Marin, IEEE Trans. Image Process. 23, 1255 (2014);
    T. Furnival, R. K. Leary and P. A. Midgley, Ultramicroscopy 178, 112 (2017), doi:10.1016/j.ultramic.2016.05.005.
    """
    gain, offset, deviation = noise.gain, noise.offset, noise.deviation
    estimate, along_first, forth, back = estimates
    slope = probes.first * (along_first - estimate) / probes.step
    bend = probes.second * (forth - 2 * estimate + back) / probes.second_step**2
    fidelity = (estimate - measurement) ** 2 - (gain + 2 * offset) * measurement + 2 * offset * estimate
    divergence = 2 * (gain * (measurement - offset) + deviation**2) * slope - 2 * gain * deviation**2 * bend
    return float((fidelity + divergence).mean()) + offset**2 + gain * offset - deviation**2
