"""What the forward models that blur with one kernel share."""

from reconbench.convolution import Convolution, transfer_function


class Blur(Convolution):
    """Convolution with a kernel of shape ([z,] y, x), zeros beyond the edge; the size of the image stays.

    Attributes
    ----------
    kernel : ndarray
        float64, odd sizes.
    """

    def __init__(self, kernel):
        super().__init__(kernel, "zero")

    def transfer_function(self, shape: tuple[int, ...], dtype=None, device="cpu"):
        """Return the blur's Fourier transform on a periodic grid of this shape, ordered as by `torch.fft.rfftn`."""
        return transfer_function(self.kernel, shape, dtype, device)

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the measurement, which is the truth's."""
        return truth_shape
