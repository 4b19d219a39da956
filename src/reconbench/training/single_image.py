"""What each step of training on a single measurement sees: patches of it, standardised.

As in `sampling`, every draw belongs to the address of its step.
"""

from collections.abc import Iterator

import numpy as np
import torch

from reconbench.contracts import Batch
from reconbench.errors import UserError
from reconbench.randomness import generator, words
from reconbench.training.sampling import Address
from reconbench.training.settings import SingleImageTraining

Patch = tuple[np.ndarray, np.ndarray]


class SingleImageSampler:
    """Batches of patches of one measurement.

    Parameters
    ----------
    name : str
        Of the measurement.
    measurement : ndarray
        Shape (y, x) or (z, y, x), float32.
    settings : SingleImageTraining
    kernel : ndarray or None
        Of the blur. Patches are turned only in ways that leave it as it is; None where there is no blur.
    seed : int
    address : tuple
        What the draws of a step are addressed by, besides the step.
    device : str
    augmentation : bool
    """

    def __init__(
        self,
        name: str,
        measurement: np.ndarray,
        settings: SingleImageTraining,
        kernel: np.ndarray | None,
        seed: int,
        address: Address,
        device: str,
        augmentation: bool,
    ):
        self.name = name
        self.measurement = measurement
        self.settings = settings
        self.seed = seed
        self.address = address
        self.device = device
        self.turns = Turns(kernel, self.patch) if augmentation else None
        self.held_out = self._held_out()

    @property
    def patch(self) -> tuple[int, ...]:
        """Size of the patches in pixels."""
        patch = self.settings.patch
        if self.settings.place == "random":
            return patch
        patch = tuple(min(sides) for sides in zip(patch, self.measurement.shape, strict=False))
        return (min(patch),) * len(patch) if self.settings.place == "corner_square" else patch

    def check(self) -> None:
        """Check that the measurement has the axes of the patches, and room for one.

        Raises
        ------
        UserError
            If it has not.
        """
        patch, shape = self.settings.patch, self.measurement.shape
        if len(patch) != len(shape):
            raise UserError(f"image '{self.name}' of shape {shape} has not the axes of the training patches, {patch}")
        if any(np.less(shape, self.patch)):
            raise UserError(
                f"image '{self.name}' of shape {shape} is smaller than the training patches of {patch}; "
                "make `patch` smaller"
            )

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """Give the batches of the steps from `first` to before `last`."""
        for step in range(first, last):
            draws = generator(self.seed, *self.address, "patches", step)
            patches, held_out = zip(*(self._piece(draws) for _ in range(self.settings.batch)), strict=True)
            values = torch.from_numpy(np.stack(patches)[:, None]).to(self.device)
            offset, scale = self._statistics(values)
            values = (values - offset) / scale
            yield Batch(
                measurement=values,
                target=values,
                step=step,
                generator=torch.Generator(self.device).manual_seed(words(*self.address, self.seed, "loss", step)[0]),
                offset=offset,
                scale=scale,
                held_out=torch.from_numpy(np.stack(held_out)[:, None]).to(self.device),
            )

    def _piece(self, draws: np.random.Generator) -> Patch:
        """Return a patch, and which of its pixels are held out."""
        shape = self.measurement.shape
        room = [
            size - side if self.settings.place == "random" else 0 for size, side in zip(shape, self.patch, strict=True)
        ]
        corner = [int(draws.integers(free + 1)) for free in room]
        window = tuple(slice(start, start + side) for start, side in zip(corner, self.patch, strict=True))
        piece = self.measurement[window], self.held_out[window]
        return self.turns(piece, draws) if self.turns else piece

    def _held_out(self) -> np.ndarray:
        """Draw the pixels that validation has to itself."""
        chosen = np.zeros(self.measurement.shape, dtype=bool)
        number = round(self.settings.held_out * chosen.size)
        chosen.flat[generator(self.seed, *self.address, "held out").integers(chosen.size, size=number)] = True
        return chosen

    def _statistics(self, values: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return mean and standard deviation (divisor N - 1) that patches (n, 1, [z,] y, x) are standardised by."""
        ones = [1] * (values.ndim - 1)
        if self.settings.normalise == "patch":
            rows = values.flatten(start_dim=1)
            offset, scale = rows.mean(1), rows.std(1)
        elif self.settings.normalise == "image":
            offset, scale = (values.new_tensor([number]) for number in mean_and_deviation(self.measurement))
        else:
            offset, scale = values.new_zeros(1), values.new_ones(1)
        return offset.reshape(-1, *ones), scale.where(scale > 0, 1).reshape(-1, *ones)


class Turns:
    """Random flips and turns within the x-y plane, of those that leave a kernel as it is.

    An estimate of a turned measurement, convolved with the kernel, is to be that measurement. So it must not matter
    whether the kernel is turned with it.

    Parameters
    ----------
    kernel : ndarray or None
    patch : tuple of int
        Only square ones are turned by 90 degrees.
    """

    def __init__(self, kernel: np.ndarray | None, patch: tuple[int, ...]):
        self.axes = [axis for axis in (-2, -1) if kernel is None or np.allclose(kernel, np.flip(kernel, axis))]
        swapped = kernel is None or (
            kernel.shape[-2] == kernel.shape[-1] and np.allclose(kernel, np.swapaxes(kernel, -2, -1))
        )
        self.swaps = patch[-2] == patch[-1] and swapped

    def __call__(self, piece: Patch, draws: np.random.Generator) -> Patch:
        """Turn arrays alike."""
        for axis in self.axes:
            if draws.integers(2):
                piece = tuple(np.flip(part, axis) for part in piece)
        if self.swaps and draws.integers(2):
            piece = tuple(np.swapaxes(part, -2, -1) for part in piece)
        return piece


def mean_and_deviation(image: np.ndarray) -> tuple[float, float]:
    """Return mean and standard deviation (divisor N - 1) of an image, 1 for the latter where it is constant."""
    deviation = float(image.std(dtype=np.float64, ddof=1))
    return float(image.mean(dtype=np.float64)), deviation or 1.0
