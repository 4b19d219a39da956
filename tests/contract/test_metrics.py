"""What every metric promises, checked on whatever the catalogue finds."""

import math

import numpy as np
import pytest
from parameter_checks import assert_described_and_bounded

from reconbench import catalogue

METRICS = catalogue.metrics()


def images():
    """Return a truth and estimates of it, from the perfect one to the worst."""
    source = np.random.default_rng(0)
    y, x = np.mgrid[:48, :48] / 48
    truth = (0.3 + 0.2 * x + 0.4 * ((y - 0.4) ** 2 + (x - 0.5) ** 2 < 0.05)).astype(np.float32)
    noise = source.normal(size=truth.shape).astype(np.float32)
    return truth, [truth.copy(), *(truth + level * noise for level in (0.005, 0.05, 0.3))]


@pytest.mark.parametrize("name", METRICS)
def test_less_noise_scores_better_and_the_truth_best(name):
    module = METRICS[name]
    truth, estimates = images()
    values = [module.metric(estimate, truth, module.Params()) for estimate in estimates]
    assert all(isinstance(value, float) and not math.isnan(value) for value in values)
    assert all(math.isfinite(value) for value in values[1:])
    sign = 1 if module.METRIC.better == "higher" else -1
    assert all(sign * better > sign * worse for better, worse in zip(values, values[1:], strict=False)), values


@pytest.mark.parametrize("name", METRICS)
def test_images_are_left_as_they_are(name):
    module = METRICS[name]
    truth, estimates = images()
    estimate = estimates[2]
    before = truth.copy(), estimate.copy()
    truth.flags.writeable = estimate.flags.writeable = False
    first = module.metric(estimate, truth, module.Params())
    np.testing.assert_array_equal(truth, before[0])
    np.testing.assert_array_equal(estimate, before[1])
    assert module.metric(estimate.copy(), truth.copy(), module.Params()) == first


@pytest.mark.parametrize("name", METRICS)
def test_float64_images_score_the_same(name):
    module = METRICS[name]
    truth, estimates = images()
    single = module.metric(estimates[2], truth, module.Params())
    double = module.metric(estimates[2].astype(np.float64), truth.astype(np.float64), module.Params())
    assert double == pytest.approx(single, rel=1e-4)


@pytest.mark.parametrize("name", METRICS)
def test_record_and_parameters(name):
    module = METRICS[name]
    assert module.METRIC.title
    assert_described_and_bounded(module)
    assert module.Params.model_validate_json(module.Params().model_dump_json()) == module.Params()
