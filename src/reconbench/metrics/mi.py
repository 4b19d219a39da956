"""Mutual information of the grey values, normalised."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.errors import UserError

METRIC = Metric(
    name="mi",
    title="MI",
    unit="",
    better="higher",
    reference="Kobayashi et al. 2020, arXiv:2006.06156",
)

BINS = 256
BLOCK = 1 << 17


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return I(X; Y) / H(X, Y) of two images, between 0 and 1.

    I(X; Y) = H(X) + H(Y) - H(X, Y), with the entropies of the joint histogram of 256 x 256 bins, each axis from the
    smallest to the largest value of its image. 0 where both images are constant, since there is nothing to share.

    Raises
    ------
    UserError
        If the shapes differ.
    """
    if estimate.shape != truth.shape:
        raise UserError(f"the estimate has shape {estimate.shape} and the truth {truth.shape}; they must be equal")
    joint = _joint_histogram(truth, estimate) / truth.size
    joint_entropy = _entropy(joint)
    if joint_entropy == 0:
        return 0.0
    return (_entropy(joint.sum(axis=0)) + _entropy(joint.sum(axis=1)) - joint_entropy) / joint_entropy


def _joint_histogram(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the counts that `numpy.histogram2d` returns, eight times as fast."""
    first, second = np.ravel(first), np.ravel(second)
    first_edges, second_edges = _edges(first), _edges(second)
    counts = np.zeros(BINS**2, dtype=np.intp)
    # A block at a time stays in the processor's cache.
    for start in range(0, first.size, BLOCK):
        block = slice(start, start + BLOCK)
        places = _bins(first[block], first_edges) * BINS + _bins(second[block], second_edges)
        counts += np.bincount(places, minlength=BINS**2)
    return counts.reshape(BINS, BINS)


def _edges(values: np.ndarray) -> np.ndarray:
    return np.linspace(float(values.min()), float(values.max()), BINS + 1)


def _bins(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Return the bin of each value; all are in the first where the edges coincide."""
    low, high = edges[0], edges[-1]
    if low == high:
        return np.zeros(values.size, dtype=np.intp)
    values = values.astype(np.float64)
    place = ((values - low) * (BINS / (high - low))).astype(np.intp)
    np.minimum(place, BINS - 1, out=place)
    # Quantised images have values on the edges themselves, where the rounding of the product may err by one bin.
    place -= values < edges[place]
    place += (values >= edges[place + 1]) & (place < BINS - 1)
    return place


def _entropy(probability: np.ndarray) -> float:
    """Return the entropy in bits."""
    probability = probability[probability > 0]
    return float(-np.sum(probability * np.log2(probability)))
