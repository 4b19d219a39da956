"""The input of MDCNN-I: the Laplacian of the phase, which the axial derivative of the intensity is proportional to."""

from reconbench.contracts import Description, Parameters
from reconbench.convolution import gradient, gradient_adjoint

FORWARD = Description(
    name="intensity_gradient",
    title="intensity gradient",
    reference='F. Wang et al., "Solving inverse problems with multi-scale deep convolutional neural networks" (2018)',
)


class Params(Parameters):
    """There are none: the measurement is in the truth's unit per square pixel."""


class IntensityGradient:
    """The Laplacian of a truth, over five points.

    Wang et al. (2018) have L = I * K with K = -[0 -1 0; -1 4 -1; 0 -1 0]. Beyond the edge the truth goes on by
    reflection, its outermost pixel repeated. So L is minus the gradient's adjoint of the gradient; it is its own
    adjoint, and sums to 0.

    Attributes
    ----------
    planes : int
        1.
    object : str
        "phase".
    intensity : bool
        False: neither an intensity nor an amplitude is measured.
    """

    planes = 1
    object = "phase"
    intensity = False

    def __call__(self, truth):
        """Return the Laplacian of a truth of shape (..., y, x), of shape (..., 1, y, x)."""
        return -gradient_adjoint(gradient(truth, 2)).unsqueeze(-3)

    def adjoint(self, measurement):
        """Return the transpose applied to a measurement of shape (..., 1, y, x), of shape (..., y, x)."""
        return -gradient_adjoint(gradient(measurement.squeeze(-3), 2))

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the measurement of a truth of this shape."""
        return (*truth_shape[:-2], self.planes, *truth_shape[-2:])


def build(params: Params) -> IntensityGradient:
    """Return the Laplacian."""
    return IntensityGradient()
