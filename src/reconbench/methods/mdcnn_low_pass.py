"""The indirect denoiser for STEM images of Wang et al. (2018), their MDCNN-VII: four low-pass filters come first."""

from typing import Any

import numpy as np

from reconbench.contracts import Batch, Method, Problem
from reconbench.methods import _stem_networks

METHOD = Method(
    name="mdcnn_low_pass",
    title="MDCNN, four low-pass filters",
    reference=_stem_networks.REFERENCE_2018,
    doi=_stem_networks.DOI_2018,
    kinds=frozenset({"denoising"}),
    gpu=1,
    trained_on="truth",
)


class Params(_stem_networks.MultiScaleParams):
    """Parameters of the indirect denoiser; the defaults are those of the network for phases."""


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, which sees four smoothed versions of the one noisy image, a Prepared MultiScale.

    The authors' code draws the noise of the four anew in training. An instrument records one image, and so all four are
    made of one here.
    """
    from reconbench.networks.low_pass import LowPass

    return _stem_networks.multi_scale_network(LowPass(), LowPass.channels, params)


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the sum over all outputs of their mean absolute errors."""
    return _stem_networks.loss(networks, batch)


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the output of full size."""
    return _stem_networks.validate(networks, batch)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Denoise an image (y, x) of any size by the trained network; the estimate has its shape, in [0, 1]."""
    return _stem_networks.restore(METHOD.name, measurement, device, networks)
