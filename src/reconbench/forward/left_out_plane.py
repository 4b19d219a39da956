"""Planes through focus of which one is left out, to be predicted from the others."""

from reconbench.contracts import Description
from reconbench.forward import through_focus
from reconbench.forward._wave import Distance

FORWARD = Description(
    name="left_out_plane",
    title="planes through focus, one left out",
    reference=through_focus.FORWARD.reference,
)


class Params(through_focus.Params):
    """Parameters of the planes that are measured, and where the one is that is not."""

    target: Distance = 26e-6
    """Distance from focus of the plane that is left out, in metres."""


class LeftOutPlane(through_focus.ThroughFocus):
    """Intensities at some distances from focus, and the distance of one that is not among them.

    Parameters
    ----------
    params : Params

    Attributes
    ----------
    target : float
        Distance of the plane that is left out, in metres.
    """

    def __init__(self, params: Params):
        super().__init__(params)
        self.target = params.target
        self._params = params

    def of_planes(self, numbers: tuple[int, ...]) -> through_focus.ThroughFocus:
        """Return the forward model of some of the measured planes, given their numbers."""
        distances = tuple(self.distances[number] for number in numbers)
        return through_focus.ThroughFocus(self._params.model_copy(update={"distances": distances}))


def build(params: Params) -> LeftOutPlane:
    """Return the model of the planes."""
    return LeftOutPlane(params)
