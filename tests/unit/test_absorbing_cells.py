"""Simulated waves behind cells: what absorbs is the cells, or has a place of its own."""

import numpy as np
import pytest

from reconbench.datasets.simulators import absorbing_cells, phase_objects

SIZE = (48, 64)


def wave(seed=0, **params):
    return absorbing_cells.simulate(np.random.default_rng(seed), SIZE, absorbing_cells.Params(**params))


def correlation(amplitude, phase):
    return np.corrcoef(1 - amplitude.ravel(), phase.ravel())[0, 1]


def test_what_absorbs_is_the_cells_themselves():
    amplitude, phase = wave(absorption=0.3)
    np.testing.assert_allclose(1 - amplitude, 0.3 * phase, rtol=0, atol=1e-6)
    assert (amplitude.dtype, phase.dtype) == (np.float32, np.float32)
    np.testing.assert_array_equal(phase, phase_objects.simulate(np.random.default_rng(0), SIZE, phase_objects.Params()))


@pytest.mark.parametrize("unrelated", [0.5, 1.0])
def test_a_share_of_it_may_lie_elsewhere(unrelated):
    waves = [wave(seed, absorption=0.3, unrelated=unrelated) for seed in range(8)]
    others = [(image[0] - 1 + 0.3 * (1 - unrelated) * image[1]) / -(0.3 * unrelated) for image in waves]
    for seed, (image, other) in enumerate(zip(waves, others, strict=True)):
        np.testing.assert_array_equal(image[1], wave(seed)[1])
        # Cells too: from the bare medium to the largest of the image.
        assert other.min() == pytest.approx(0, abs=0.02) and other.max() == pytest.approx(1, abs=1e-5)
    found = np.mean([correlation(1 - other, image[1]) for image, other in zip(waves, others, strict=True)])
    assert abs(found) < 0.25
    assert np.mean([correlation(*image) for image in waves]) < 0.95


def test_what_is_drawn_next_does_not_depend_on_it():
    """The noise of simulated planes comes from the same generator."""
    draws = []
    for unrelated in (0.0, 1.0):
        source = np.random.default_rng(0)
        absorbing_cells.simulate(source, SIZE, absorbing_cells.Params(unrelated=unrelated))
        draws.append(source.random())
    assert draws[0] == draws[1]
