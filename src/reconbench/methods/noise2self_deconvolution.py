"""Deconvolution by a network that predicts masked pixels from all others."""

from typing import Any

from reconbench.contracts import Batch, Method, Problem
from reconbench.methods import _siamese

METHOD = Method(
    name="noise2self_deconvolution",
    title="Noise2Self",
    reference=_siamese.REFERENCE,
    doi=_siamese.DOI,
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="measurement",
)


class Params(_siamese.Params):
    """Parameters of Noise2Self; the defaults are those of the paper in 2D."""


network, restore = _siamese.network, _siamese.restore


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return equation 2 of the paper, L_bsp, and the boundary loss of the blurred estimate."""
    weights = {"blind_spot": 1, "reconvolved_boundary": params.boundary_weight}
    return _siamese.loss(networks, batch, params, weights)
