"""What every metric promises, checked on whatever the catalogue finds."""

import inspect
import math

import numpy as np
import pytest
from parameter_checks import assert_described_and_bounded

from reconbench import catalogue

METRICS = catalogue.metrics()


def images():
    """Return a truth and estimates of it, from the perfect one to the worst, which is the measurement too."""
    source = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48] / 48
    truth = (0.3 + 0.2 * x + 0.4 * ((y - 0.4) ** 2 + (x - 0.5) ** 2 < 0.05)).astype(np.float32)
    noise = source.normal(size=truth.shape).astype(np.float32)
    return truth, [truth.copy(), *(truth + level * noise for level in (0.005, 0.05, 0.3))]


def value_of(module, estimate, truth, measurement):
    """Return a metric with its default parameters, with the measurement where it takes one."""
    further = (measurement,) if module.METRIC.of_measurement else ()
    return module.metric(estimate, truth, module.Params(), *further)


@pytest.mark.parametrize("name", METRICS)
def test_less_noise_scores_better_and_the_truth_best(name):
    module = METRICS[name]
    truth, estimates = images()
    values = [value_of(module, estimate, truth, estimates[-1]) for estimate in estimates]
    assert all(isinstance(value, float) and not math.isnan(value) for value in values)
    assert all(math.isfinite(value) for value in values[1:])
    sign = 1 if module.METRIC.better == "higher" else -1
    assert all(sign * better > sign * worse for better, worse in zip(values, values[1:], strict=False)), values


@pytest.mark.parametrize("name", METRICS)
def test_images_are_left_as_they_are(name):
    module = METRICS[name]
    truth, estimates = images()
    given = estimates[2], truth, estimates[3]
    before = [image.copy() for image in given]
    for image in given:
        image.flags.writeable = False
    first = value_of(module, *given)
    for image, as_it_was in zip(given, before, strict=True):
        np.testing.assert_array_equal(image, as_it_was)
    assert value_of(module, *before) == first


@pytest.mark.parametrize("name", METRICS)
def test_float64_images_score_the_same(name):
    module = METRICS[name]
    truth, estimates = images()
    given = estimates[2], truth, estimates[3]
    single = value_of(module, *given)
    double = value_of(module, *(image.astype(np.float64) for image in given))
    assert double == pytest.approx(single, rel=1e-4)


@pytest.mark.parametrize("name", METRICS)
def test_the_measurement_is_asked_for_by_those_that_say_so_alone(name):
    module = METRICS[name]
    expected = ["estimate", "truth", "params", *(["measurement"] if module.METRIC.of_measurement else [])]
    assert list(inspect.signature(module.metric).parameters) == expected


@pytest.mark.parametrize("name", METRICS)
def test_record_and_parameters(name):
    module = METRICS[name]
    assert module.METRIC.title
    assert_described_and_bounded(module)
    assert module.Params.model_validate_json(module.Params().model_dump_json()) == module.Params()
