"""The direct denoiser for STEM images of Wang et al. (2018), their MDCNN-VI: the multi-scale network on the image."""

from typing import Any

import numpy as np

from reconbench.contracts import Batch, Method, Problem
from reconbench.methods import _stem_networks

METHOD = Method(
    name="mdcnn_direct",
    title="MDCNN, direct",
    reference=_stem_networks.REFERENCE_2018,
    doi=_stem_networks.DOI_2018,
    kinds=frozenset({"denoising"}),
    gpu=1,
    trained_on="truth",
)


class Params(_stem_networks.MultiScaleParams):
    """Parameters of the direct denoiser; the defaults are those of the network for phases."""


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained network, which standardises each image first, a Prepared MultiScale."""
    from reconbench.networks.prepared import Standardisation

    return _stem_networks.multi_scale_network(Standardisation(), 1, params)


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the sum over all outputs of their mean absolute errors."""
    return _stem_networks.loss(networks, batch)


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the output of full size."""
    return _stem_networks.validate(networks, batch)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Denoise an image (y, x) of any size by the trained network; the estimate has its shape, in [0, 1]."""
    return _stem_networks.restore(METHOD.name, measurement, device, networks)
