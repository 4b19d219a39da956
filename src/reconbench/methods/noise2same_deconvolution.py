"""Deconvolution by a Siamese network: its blurred estimate hardly changes where pixels are masked."""

from typing import Any

from pydantic import Field

from reconbench.contracts import Batch, Method, Problem
from reconbench.methods import _siamese

METHOD = Method(
    name="noise2same_deconvolution",
    title="Noise2Same",
    reference=_siamese.REFERENCE,
    doi=_siamese.DOI,
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="measurement",
)


class Params(_siamese.Params):
    """Parameters of Noise2Same; the defaults are those of the paper in 2D."""

    invariance_weight: float = Field(default=2.0, ge=0)
    """Weight of the invariance loss."""


network, restore = _siamese.network, _siamese.restore


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return equation 3 of the paper, L_rec + weight L_inv + weight L_bound: both losses of the blurred estimate."""
    weights = {
        "reconstruction": 1,
        "reconvolved_invariance": params.invariance_weight,
        "reconvolved_boundary": params.boundary_weight,
    }
    return _siamese.loss(networks, batch, params, weights)
