"""The adversarially trained denoiser for STEM images of Wang et al. (2020)."""

from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Batch, Method, Parameters, Problem, Reading
from reconbench.methods import _stem_networks
from reconbench.training import settings

METHOD = Method(
    name="mcnn_adversarial",
    title="MCNN, adversarially trained",
    reference="F. Wang et al., Sci. Rep. 10, 5730 (2020)",
    doi="10.1038/s41598-020-62484-z",
    kinds=frozenset({"denoising"}),
    gpu=1,
    trained_on="truth",
)

# The code divides a learning rate of 1e-4 by 1 + step / 10 000. It halves in stretches of 10 000, 20 000, 40 000, ...
# steps, and its mean over one of them is ln 2 = 0.69 of what it begins with.
FIRST_STRETCH = 10_000
STRETCHES = 7
ALL_STEPS = 4096 * 2048 // 4


def _phases() -> tuple[settings.Phase, ...]:
    lengths = [FIRST_STRETCH * 2**halvings for halvings in range(STRETCHES)]
    lengths.append(ALL_STEPS - sum(lengths))
    return tuple(
        settings.Phase(steps=steps, learning_rate=0.69e-4 * 0.5**halvings) for halvings, steps in enumerate(lengths)
    )


class Training(settings.Training):
    """Training as in the authors' code. It goes on by `start_from`, on simulated images alone, as in the paper."""

    patch: tuple[int, ...] = Field(default=(512, 512), min_length=2, max_length=2)
    """Size of the patches in pixels, (y, x), multiples of what the widths halve images by."""
    batch: int = Field(default=4, ge=1)
    """Patches in a batch."""
    phases: tuple[settings.Phase, ...] = _phases()
    """What is trained, one after the other: 4096 epochs of 2048 images. The paper writes of a step size of 0.005."""
    weight_decay: float = Field(default=2e-5, ge=0)
    """Factor of half the sum of all squared weights, which is added to both losses."""


class Params(Parameters):
    """Parameters of the adversarially trained denoiser; the defaults are those of the authors' code."""

    widths: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        default=(64, 128, 256, 512, 512, 512, 512), min_length=2, max_length=9
    )
    """Channels of the generator's encoder, whose convolutions halve the image one after the other."""
    discriminator_widths: tuple[Annotated[int, Field(ge=4)], ...] = Field(
        default=(64, 64, 64, 64, 128, 128, 128), min_length=3, max_length=9
    )
    """Channels of the discriminator's cells: of the first at full size, and of each other at half the size before."""
    discriminator_kernels: tuple[Annotated[int, Field(ge=1, le=101)], ...] = Field(
        default=(3, 5, 7, 9), min_length=1, max_length=4
    )
    """Sides of the kernels of its first cell in pixels; those of the others are 3 and 5."""
    adversarial_weight: float = Field(default=1.0, ge=0)
    """Weight of the discriminator's three maps in the generator's loss, over that of a mean absolute error."""
    reading: Reading = "corrected"
    """`corrected` leaves the discriminator alone when the generator takes its step; in the code, `as_published`, the
    generator's loss moves the discriminator too, by the misspelt name of an attribute."""
    training: Training = Training()
    """How the two networks are trained."""

    @model_validator(mode="after")
    def _fitting(self) -> "Params":
        multiple = 2 ** max(len(self.widths), len(self.discriminator_widths) - 1)
        if any(side % multiple for side in self.training.patch):
            raise ValueError(
                f"with {len(self.widths)} widths and {len(self.discriminator_widths)} discriminator_widths, the sides "
                f"of training.patch must be multiples of {multiple}, not {list(self.training.patch)}"
            )
        return self


def network(problem: Problem, params: Params) -> Any:
    """Return the untrained networks: the generator behind its low-pass filters, and the discriminator."""
    from reconbench.networks.low_pass import LowPass
    from reconbench.networks.prepared import Prepared
    from reconbench.networks.stem_discriminator import StemDiscriminator
    from reconbench.networks.stem_generator import StemGenerator

    return {
        "generator": Prepared(LowPass(), StemGenerator(LowPass.channels, params.widths)),
        "discriminator": StemDiscriminator(params.discriminator_widths, params.discriminator_kernels),
    }


def loss(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the losses of the generator G and of the discriminator D for measurements x of truths t.

    With the mean absolute errors E_m of the outputs of G at all scales, sums over the three maps of D, and a weight w,

        L_G = sum_m E_m + w sum_s mean (D_s(G(x)) - 1)^2,
        L_D = sum_s mean (D_s(t) - 1)^2 + sum_s mean D_s(G(x))^2.

    Each loss moves its own network. `as_published`, the discriminator's is L_D + L_G: the code takes three steps one
    after the other, by each of the terms of L_D and by L_G, and here their gradients are summed in one.
    """
    from reconbench.training.multi_scale import mean_absolute_errors

    outputs = networks["generator"].at_all_scales(batch.measurement)
    made, true = networks["discriminator"](outputs[0]), networks["discriminator"](batch.target)
    errors = mean_absolute_errors(outputs, batch.target)
    generator = sum(errors) + params.adversarial_weight * _squared_distance(made, 1)
    discriminator = _squared_distance(true, 1) + _squared_distance(made, 0)
    if params.reading == "as_published":
        discriminator = discriminator + generator
    return {"generator": generator, "discriminator": discriminator}


def validate(networks: Any, batch: Batch, problem: Problem, params: Params) -> Any:
    """Return the mean absolute error of the generator's output of full size."""
    return _stem_networks.validate(networks["generator"], batch)


def restore(measurement: np.ndarray, problem: Problem, params: Params, device: str, networks: Any) -> np.ndarray:
    """Denoise an image (y, x) of any size by the trained generator; the estimate has its shape, in [0, 1]."""
    return _stem_networks.restore(METHOD.name, measurement, device, networks["generator"])


def _squared_distance(maps: Any, value: float) -> Any:
    """Return the mean squared distance of the discriminator's maps from a value, summed over the maps."""
    return sum((each.float() - value).square().mean() for each in maps)
