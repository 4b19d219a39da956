"""Stripes of interfering light: their strength, their periods, and that no two planes have the same."""

import numpy as np
import pytest
from pydantic import ValidationError

from reconbench.noise import striped_light

SIZE = 256


def stripes(planes, **given):
    """Relative stripes of planes without white noise."""
    params = striped_light.Params(deviation=0, **given)
    light = np.full((planes, SIZE, SIZE), 2.0)
    return striped_light.apply(light, np.random.default_rng(0), params, {}) / 2 - 1


def test_stripes_have_their_strength_and_are_relative_to_the_light():
    found = stripes(40, stripes=0.1)
    assert np.sqrt(np.mean(found**2)) == pytest.approx(0.1, rel=0.03)


def test_each_plane_has_its_own():
    first, second = stripes(2)
    assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.5
    assert not np.allclose(first, second)


def test_periods_lie_between_the_shortest_and_the_longest():
    found = stripes(20, periods=(8.0, 20.0)) * np.outer(np.hanning(SIZE), np.hanning(SIZE))
    power = np.abs(np.fft.fft2(found)) ** 2
    frequency = np.hypot(np.fft.fftfreq(SIZE)[:, None], np.fft.fftfreq(SIZE))
    spread = 3 / SIZE  # of the window
    between = (frequency > 1 / 20 - spread) & (frequency < 1 / 8 + spread)
    assert power[:, between].sum() > 0.999 * power.sum()


def test_torch_gives_noise_of_the_same_kind():
    torch = pytest.importorskip("torch")
    params = striped_light.Params(stripes=0.1, deviation=0.05)
    light = torch.ones(30, SIZE, SIZE)
    noisy = striped_light.apply(light, torch.Generator().manual_seed(0), params, {})
    assert (noisy.dtype, noisy.shape) == (torch.float32, light.shape)
    assert float((noisy - light).std()) == pytest.approx(np.hypot(0.1, 0.05), rel=0.05)


@pytest.mark.parametrize("periods", [(1.0, 50.0), (60.0, 50.0)])
def test_periods_that_are_too_short_or_in_disorder_are_refused(periods):
    with pytest.raises(ValidationError, match="periods"):
        striped_light.Params(periods=periods)
