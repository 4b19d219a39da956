"""What the noises of scanning transmission electron microscopy share: how strong they are, drawn or set by a level."""

import math
import sys
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from reconbench.errors import UserError

# Of the amplitude's logarithm. An SNR changes by about 20 dB, at most, where the amplitude changes tenfold: 0.005 dB.
TOLERANCE = 5e-4


def ordered(bounds: tuple[float, float]) -> tuple[float, float]:
    """Return two bounds, or raise ValueError where the second is below the first."""
    if bounds[1] < bounds[0]:
        raise ValueError("the upper bound must not be below the lower one")
    return bounds


Amplitude = Annotated[float, Field(gt=0, le=1e6)]
Amplitudes = Annotated[tuple[Amplitude, Amplitude], AfterValidator(ordered)]
Level = Annotated[float, Field(ge=-100, le=100)]


def amplitude_at(
    level: float, measure: Callable[[float], Any], clean: Any, weakest: float, strongest: float, name: str
) -> float:
    """Return the amplitude at which a measurement has a signal-to-noise ratio.

    It is found by bisection of the amplitude's logarithm, which interpolation makes faster (Brent's method). The SNR is
    exact to 0.005 dB unless it jumps there, as that of a few pixels does from one count to the next.

    Parameters
    ----------
    level : float
        SNR = 10 log10(sum x^2 / sum (y - x)^2) in dB, over all pixels of all frames, of what is measured in the end.
    measure : callable
        From the amplitude to the measurement y. It must use the same random numbers every time, so that the SNR depends
        on the amplitude alone.
    clean : ndarray or torch.Tensor
        The noiseless image or sequence x.
    weakest, strongest : float
        Amplitudes of the least and the most noise, above 0; the first need not be the smaller number.
    name : str
        Of the noise, for the message.

    Returns
    -------
    float

    Raises
    ------
    UserError
        If the image is zero everywhere, or the level is beyond what the two amplitudes give.
    """
    if not float((clean**2).sum()):
        raise UserError(f"{name} cannot bring an image to {level:g} dB that is zero everywhere; it has no SNR")
    best, worst = (_snr(measure(end), clean) for end in (weakest, strongest))
    if not worst <= level <= best:
        raise UserError(
            f"{name} cannot bring this image to {level:g} dB: the SNRs that it reaches go from {worst:.2f} to "
            f"{best:.2f} dB"
        )
    from scipy.optimize import brentq

    def excess(logarithm: float) -> float:
        return _snr(measure(math.exp(logarithm)), clean) - level

    return math.exp(brentq(excess, math.log(weakest), math.log(strongest), xtol=TOLERANCE))


def _snr(measured: Any, clean: Any) -> float:
    # Without any error the ratio is very large and not infinite, which could not be interpolated.
    error = max(float(((measured - clean) ** 2).sum()), sys.float_info.min)
    return 10 * math.log10(float((clean**2).sum()) / error)
