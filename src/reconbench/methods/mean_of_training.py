"""The control that knows its training set and no measurement: the mean of all training images."""

from typing import Any, Literal

import numpy as np
from pydantic import Field

from reconbench.contracts import Batch, Method, Parameters, Problem
from reconbench.errors import UserError
from reconbench.training import settings

METHOD = Method(
    name="mean_of_training",
    title="mean of training images",
    reference="none: what a network scores that has learned its training images and looks at no measurement",
    doi="",
    kinds=frozenset({"phase_retrieval", "diffuse_imaging"}),
    gpu=1,
    trained_on="truth",
)

# Truths are in [0, 1].
MIDDLE = 0.5
# Channels of the truths: a phase has one, a screen its colours.
CHANNELS = {"phase_retrieval": 1, "diffuse_imaging": 3}


class Training(settings.Training):
    """Training that ends at the mean: slow last steps average over many batches."""

    patch: tuple[int, ...] = Field(default=(64, 64), min_length=2, max_length=2)
    """Size of the mean image in pixels, (y, x): that of the images. Of larger ones it is the mean of patches."""
    batch: int = Field(default=16, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = (
        settings.Phase(steps=200, learning_rate=1e-2),
        settings.Phase(steps=200, learning_rate=1e-3),
        settings.Phase(steps=200, learning_rate=1e-4),
    )
    """What is trained, one after the other."""
    augmentation: bool = False
    """Flip patches, and turn square ones by multiples of 90 degrees. The mean then has these symmetries."""
    keep: Literal["best", "last"] = "last"
    """Which weights are kept: those of the smallest validation loss, or the last ones."""


class Params(Parameters):
    """Parameters of the mean of training images."""

    training: Training = Training()
    """How the mean is found."""


def network(problem: Problem, params: Params) -> Any:
    """Return the image that is to become the mean, a LearnedImage; grey at first."""
    from reconbench.networks.learned_image import LearnedImage

    return LearnedImage((CHANNELS[problem.kind], *params.training.patch), MIDDLE)


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean squared error, which the mean of the targets makes smallest.

    Raises
    ------
    UserError
        If the truths have other channels than those of their kind of problem.
    """
    if batch.target.shape[1] != CHANNELS[problem.kind]:
        raise UserError(
            f"the number of channels that {METHOD.name} learns is {CHANNELS[problem.kind]} in {problem.kind}, and "
            f"these truths have {batch.target.shape[1]}; leave it out where the object is a wave"
        )
    return (networks(batch.measurement) - batch.target).square().mean()


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Return the mean of the training images.

    Parameters
    ----------
    measurement : ndarray
        Shape (c, y, x) or (y, x). Of a phase it has the size, of a screen it may have any.
    problem : Problem
        Not asked for anything.
    params : Params
    device : str
        Not used.
    networks : LearnedImage

    Returns
    -------
    ndarray
        Shape (y, x), or (3, y, x) of a screen, float32.

    Raises
    ------
    UserError
        If the measurement of a phase is of another size than the mean.
    """
    mean = networks.image.detach().cpu().numpy().copy()
    if problem.kind == "diffuse_imaging":
        return mean
    if measurement.shape[-2:] != mean.shape[-2:]:
        raise UserError(
            f"the mean of training images has {mean.shape[-2]} x {mean.shape[-1]} pixels, and the measurement "
            f"{measurement.shape[-2]} x {measurement.shape[-1]}; set training.patch to the size of the images"
        )
    return mean[0]
