"""Mutual information of the spectra, normalised."""

import numpy as np

from reconbench.contracts import Metric, Parameters
from reconbench.metrics import mi

METRIC = Metric(
    name="smi",
    title="SMI",
    unit="",
    better="higher",
    reference="Kobayashi et al. 2020, arXiv:2006.06156",
)


class Params(Parameters):
    """No parameters."""


def metric(estimate: np.ndarray, truth: np.ndarray, params: Params) -> float:
    """Return the normalised mutual information of the cosine transforms of two images.

    Each image is divided by its Euclidean norm and transformed by an unnormalised DCT-II along every axis. The signed
    coefficients are compared as they are: a few low frequencies span nearly the whole range, so that most
    coefficients share a few bins. That is how the measure was published, and it is not to be improved.
    """
    return mi.metric(_spectrum(estimate), _spectrum(truth), mi.Params())


def _spectrum(image: np.ndarray) -> np.ndarray:
    from scipy.fft import dctn

    values = np.asarray(image, dtype=np.float64)
    return dctn(values / (np.linalg.norm(values) or 1.0), overwrite_x=True)
