"""Deconvolution by a Siamese network: its estimate hardly changes where pixels are masked."""

from typing import Any

from pydantic import Field

from reconbench.contracts import Batch, Method, Problem
from reconbench.methods import _siamese

METHOD = Method(
    name="noise2same_deconvolution_d",
    title="Noise2Same (d)",
    reference=_siamese.REFERENCE,
    doi=_siamese.DOI,
    kinds=frozenset({"deconvolution"}),
    told=frozenset({"forward model"}),
    gpu=1,
    trained_on="measurement",
)


class Params(_siamese.Params):
    """Parameters of Noise2Same (d); the defaults are those of the paper in 2D."""

    invariance_weight: float = Field(default=2.0, ge=0)
    """Weight of the invariance loss."""


network, restore = _siamese.network, _siamese.restore


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return equation 4 of the paper, L_rec + weight L_inv(d) + weight L_bound(d): both of the estimate itself."""
    weights = {
        "reconstruction": 1,
        "deconvolved_invariance": params.invariance_weight,
        "deconvolved_boundary": params.boundary_weight,
    }
    return _siamese.loss(networks, batch, params, weights)
