"""From truth to measurement: the forward model, then the noise."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from reconbench import catalogue
from reconbench.contracts import ForwardModel
from reconbench.errors import UserError
from reconbench.images import ImageRecord

Spec = Mapping[str, Any]
# What the noise drew for an image stands in columns of the index that begin so.
DRAWN = "drawn_"


def build_forward(reference: Spec | None) -> ForwardModel | None:
    """Return the forward model that a spec names, None where it names none."""
    if reference is None:
        return None
    module = catalogue.get_forward_model(reference["name"])
    return module.build(module.Params.model_validate(reference["params"]))


def measure(
    truth: np.ndarray, forward: ForwardModel | None, noise: Spec | None, generator: np.random.Generator
) -> tuple[np.ndarray, dict[str, float]]:
    """Return what the instrument records of a truth, and what was drawn for it.

    Parameters
    ----------
    truth : ndarray
        Shape (y, x), (z, y, x), or with leading channels.
    forward : ForwardModel or None
        None records the truth itself.
    noise : mapping or None
        Name and parameters of the noise.
    generator : numpy.random.Generator
        The generator of this image's address.

    Returns
    -------
    measurement : ndarray of float32
    drawn : dict
        For instance the dose.
    """
    clean = truth.astype(np.float64)
    if forward is not None:
        import torch

        clean = forward(torch.from_numpy(clean)).numpy()
    if noise is None:
        return clean.astype(np.float32), {}
    module = catalogue.get_noise(noise["name"])
    params = module.Params.model_validate(noise["params"])
    drawn = module.draw(params, generator)
    return module.apply(clean, generator, params, drawn).astype(np.float32), drawn


def scored_against(truth: np.ndarray, measurement: np.ndarray, target: str) -> np.ndarray:
    """Return what an estimate is compared with.

    `truth` is the truth itself. `mean_matched` scales it to the measurement's mean, as paper 002 (section 3.1)
    does; after a min-max normalisation that corrects a factor and leaves an offset.
    """
    if target == "truth":
        return truth
    return (truth * (measurement.mean(dtype=np.float64) / truth.mean(dtype=np.float64))).astype(np.float32)


def check_pairs(truths: Sequence[ImageRecord], measured: Sequence[ImageRecord]) -> None:
    """Refuse measured images whose truths are other images.

    Raises
    ------
    UserError
        If there are truths, and a measured image has none of its name.
    """
    names = {truth.name for truth in truths}
    alone = [record.name for record in measured if record.name not in names]
    if truths and alone:
        raise UserError(f"measured image '{alone[0]}' has no truth of the same name; name the two files alike")
