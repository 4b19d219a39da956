"""How a network is trained and how it is applied to images of any size: the parameters that all networks share.

A method that learns has a field of each, with defaults of its own by a class derived from these. Nothing here imports
torch.
"""

from typing import Literal

from pydantic import Field

from reconbench.contracts import Parameters


class Phase(Parameters):
    """A stretch of training with one learning rate."""

    steps: int = Field(ge=0)
    """Number of steps; a step takes one batch."""
    learning_rate: float = Field(gt=0)
    """Learning rate."""
    frozen_normalisation: bool = False
    """Whether layers of batch normalisation keep their running statistics and normalise by them."""


class Plateau(Parameters):
    """How the learning rate falls where validation finds nothing better."""

    patience: int = Field(ge=1)
    """Validations without a smaller error after which the learning rate is lowered."""
    factor: float = Field(gt=0, lt=1)
    """What it is multiplied by."""


class Training(Parameters):
    """What is drawn at each step, and what is done with it."""

    patch: tuple[int, ...] = Field(default=(64, 64), min_length=2, max_length=3)
    """Size of the patches in pixels, (y, x) or (z, y, x)."""
    batch: int = Field(default=8, ge=1)
    """Patches in a batch."""
    phases: tuple[Phase, ...] = (Phase(steps=1000, learning_rate=1e-3),)
    """What is trained, one after the other. None at all leaves the weights that it starts from as they are."""
    optimiser: Literal["adam", "rmsprop", "nesterov"] = "adam"
    """Adam (Kingma and Ba 2014), RMSProp (Hinton 2012) or gradient descent with Nesterov's momentum."""
    momentum: float = Field(default=0.9, ge=0, lt=1)
    """Decay of the first moment: Adam's beta 1, the momentum of the other two."""
    weight_decay: float = Field(default=0.0, ge=0)
    """Factor of half the sum of all squared weights, which is added to the loss."""
    weight_noise: float = Field(default=0.0, ge=0)
    """Standard deviation, over the learning rate, of what is added to each weight after a step. It falls as one over
    the number of steps."""
    plateau: Plateau | None = None
    """Lower the learning rate where the validation error stays; by default the phases alone say what it is."""
    patience: int | None = Field(default=None, ge=1)
    """Validations without a smaller error after which training ends; by default it goes through all phases."""
    augmentation: bool = True
    """Flip patches, and turn square ones by multiples of 90 degrees."""
    normalise: Literal["none", "min_max"] = "none"
    """Scale each patch of truth to [0, 1] before it is measured, or leave its values alone."""
    validation_every: int = Field(default=100, ge=1)
    """Steps between two lines of training.csv, each with the validation loss."""
    validation_batches: int = Field(default=4, ge=1)
    """Batches of the validation split, always the same ones, that the validation loss is a mean of."""
    keep: Literal["best", "last"] = "best"
    """Which weights are kept: those of the smallest validation loss, or the last ones."""
    precision: Literal["float32", "bfloat16"] = "float32"
    """Arithmetic of the network; the weights and the loss stay in single precision."""
    channels_last: bool = False
    """Keep the channels of a pixel beside each other in memory, which is faster where precision is bfloat16."""

    @property
    def steps(self) -> int:
        """Number of steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def phase(self, step: int) -> Phase:
        """Return the phase that a step, counted from 0, lies in."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        raise IndexError("the step lies after the last phase")


class SingleImageTraining(Training):
    """Training on the one measurement that is to be restored: patches of it, and no truth."""

    normalise: Literal["none", "patch", "image"] = "image"
    """Bring patches to mean 0 and standard deviation 1: each by its own, all by those of the image, or not at all."""
    place: Literal["random", "corner", "corner_square"] = "random"
    """Where patches lie: anywhere, or always at the first pixel, there as large as the image allows, or square."""
    held_out: float = Field(default=0.0, ge=0, lt=1)
    """Pixels drawn for validation, with replacement, over all pixels. The loss leaves them out."""
    keep: Literal["best", "last"] = "last"
    """Which weights are kept: those of the smallest validation loss, or the last ones."""
    compare_with_truth: bool = False
    """Note in training.csv how far the estimate is from the truth of the test split. Nothing goes by it."""


class Tiling(Parameters):
    """How an image is cut into tiles, so that the memory stays bounded whatever its size."""

    size: int = Field(default=256, ge=16)
    """Pixels a side of a tile."""
    margin: int = Field(default=16, ge=0)
    """Pixels thrown away at each edge of a tile. From the reach of the network on, the result is that of one piece."""
    blend: int = Field(default=16, ge=0)
    """Pixels over which neighbouring tiles are faded into each other."""
    weights: Literal["raised_cosine", "pyramid"] = "raised_cosine"
    """How they are faded: by raised cosines along each axis, or by the pyramids of Papkov et al. (2023)."""
    batch: int = Field(default=4, ge=1)
    """Tiles at once."""
