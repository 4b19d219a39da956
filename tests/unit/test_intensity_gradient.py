"""The input of MDCNN-I, against the printed kernel and what a Laplacian is known to do."""

import numpy as np
import pytest
from scipy.ndimage import convolve

from reconbench.forward import intensity_gradient

torch = pytest.importorskip("torch")
KERNEL = -np.array([[0, -1, 0], [-1, 4, -1], [0, -1, 0]])
FORWARD = intensity_gradient.build(intensity_gradient.Params())


def test_it_is_the_convolution_with_the_printed_kernel():
    truth = np.random.default_rng(0).random((17, 24))
    expected = convolve(truth, KERNEL, mode="reflect")
    np.testing.assert_allclose(FORWARD(torch.from_numpy(truth))[0].numpy(), expected, atol=1e-12)


def test_the_laplacian_of_a_bowl_is_positive_and_of_a_plane_zero():
    y, x = torch.meshgrid(*[torch.arange(12.0)] * 2, indexing="ij")
    torch.testing.assert_close(FORWARD(y**2 + 3 * x**2)[0, 1:-1, 1:-1], torch.full((10, 10), 8.0))
    torch.testing.assert_close(FORWARD(2 * y - x)[0, 1:-1, 1:-1], torch.zeros(10, 10))


def test_it_sums_to_zero_and_a_constant_is_not_seen():
    truth = torch.from_numpy(np.random.default_rng(0).random((3, 9, 14)))
    measured = FORWARD(truth)
    assert measured.shape == FORWARD.measurement_shape((3, 9, 14)) == (3, 1, 9, 14)
    torch.testing.assert_close(measured.sum((-2, -1)), torch.zeros(3, 1, dtype=torch.float64))
    torch.testing.assert_close(FORWARD(truth + 5), measured)


def test_cosines_that_are_even_about_the_edges_only_shrink():
    """Eigenvalue -4 sin^2(pi m / (2 N)) along each axis."""
    size, order = 20, 3
    cosine = torch.cos(torch.pi * order * (torch.arange(size, dtype=torch.float64) + 0.5) / size)
    truth = cosine[:, None] * cosine
    eigenvalue = -8 * np.sin(np.pi * order / (2 * size)) ** 2
    torch.testing.assert_close(FORWARD(truth)[0], eigenvalue * truth)
