"""What every noise promises, checked on whatever the catalogue finds."""

import numpy as np
import pytest
from parameter_checks import assert_described_and_bounded

from reconbench import catalogue
from reconbench.contracts import Description

NOISES = catalogue.noises()


def clean_image(size=48):
    y, x = np.mgrid[:size, :size] / size
    return 0.2 + 0.3 * x + 0.3 * y


@pytest.mark.parametrize("name", NOISES)
def test_the_same_address_gives_the_same_bits_and_the_clean_image_stays(name):
    module, clean = NOISES[name], clean_image()
    before = clean.copy()

    def measure():
        source = np.random.default_rng(3)
        drawn = module.draw(module.Params(), source)
        return module.apply(clean, source, module.Params(), drawn)

    first = measure()
    np.testing.assert_array_equal(first, measure())
    np.testing.assert_array_equal(clean, before)
    assert first.shape == clean.shape
    assert first.dtype == np.float32
    assert np.isfinite(first).all()
    assert not np.array_equal(first, clean.astype(np.float32))


@pytest.mark.parametrize("name", NOISES)
def test_what_is_drawn_are_plain_numbers(name):
    """They are written into an index and read again from it."""
    module = NOISES[name]
    drawn = module.draw(module.Params(), np.random.default_rng(0))
    assert all(type(value) is float for value in drawn.values())


@pytest.mark.parametrize("name", NOISES)
def test_declared_variance_is_a_variance(name):
    module = NOISES[name]
    drawn = module.draw(module.Params(), np.random.default_rng(0))
    signal = clean_image()
    variance = module.variance(signal, module.Params(), drawn)
    if variance is None:
        pytest.skip("declares none")
    assert variance.shape == signal.shape
    assert (variance >= 0).all()
    assert np.isfinite(variance).all()
    gain = module.gain(module.Params(), drawn)
    assert gain is None or gain > 0


@pytest.mark.parametrize("name", NOISES)
def test_declared_variance_is_that_of_the_noise(name):
    """At mid-grey, where no noise is cut off by a range."""
    module = NOISES[name]
    source = np.random.default_rng(0)
    drawn = module.draw(module.Params(), source)
    clean = np.full((400, 400), 0.5)
    declared = module.variance(clean, module.Params(), drawn)
    if declared is None:
        pytest.skip("declares none")
    noisy = module.apply(clean, source, module.Params(), drawn).astype(np.float64)
    assert np.mean((noisy - clean) ** 2) == pytest.approx(declared.mean(), rel=0.05)


@pytest.mark.parametrize("name", NOISES)
def test_record_and_parameters(name):
    module = NOISES[name]
    assert isinstance(module.NOISE, Description)
    assert module.NOISE.title
    assert module.NOISE.reference
    assert_described_and_bounded(module)
    assert module.Params.model_validate_json(module.Params().model_dump_json()) == module.Params()
