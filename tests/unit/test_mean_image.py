"""The control of denoising that knows the brightness and nothing else."""

import numpy as np
import pytest

from reconbench.contracts import Problem
from reconbench.methods import mean_image


@pytest.mark.parametrize("shape", [(7, 9), (3, 7, 9)])
def test_the_estimate_is_the_mean_everywhere(shape):
    measurement = np.random.default_rng(0).random(shape, np.float32)
    problem = Problem(kind="denoising", told=mean_image.METHOD.told)
    estimate = mean_image.restore(measurement, problem, mean_image.Params(), "cpu")
    assert estimate.shape == shape
    assert estimate.dtype == np.float32
    np.testing.assert_array_equal(estimate, np.float32(measurement.astype(np.float64).mean()))
    assert not mean_image.METHOD.told
