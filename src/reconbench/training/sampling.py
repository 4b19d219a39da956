"""What each step of training sees: patches at random places, measured on the fly.

Every draw belongs to the address of its step, so that step n sees the same batch whatever ran before it.
"""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from reconbench import catalogue
from reconbench.contracts import Batch, ForwardModel
from reconbench.errors import UserError
from reconbench.images import ImageRecord
from reconbench.randomness import generator, words
from reconbench.training.settings import Training

CACHE_BYTES = 2 << 30
Address = tuple[str | int, ...]


class Images:
    """The images of a split, of one dataset or several: kept in memory as long as they fit, else read again."""

    def __init__(self, records: Sequence[ImageRecord], limit: int = CACHE_BYTES):
        self.records = records
        self.limit = limit
        self.kept: dict[int, np.ndarray] = {}
        self.sets = _by_folder(records)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, index: int) -> np.ndarray:
        if index in self.kept:
            return self.kept[index]
        image = self.load(index)
        if sum(other.nbytes for other in self.kept.values()) + image.nbytes <= self.limit:
            self.kept[index] = image
        return image

    def load(self, index: int) -> np.ndarray:
        """Read an image."""
        return self.records[index].load()

    def draw(self, draws: np.random.Generator) -> np.ndarray:
        """Return one of the images: from each dataset as often, however few it has."""
        among = self.sets[int(draws.integers(len(self.sets)))] if len(self.sets) > 1 else self.sets[0]
        return self[among[int(draws.integers(len(among)))]]


def _by_folder(records: Sequence[ImageRecord]) -> list[list[int]]:
    """Return the numbers of the images of each folder, which is what a dataset has for itself."""
    numbers: dict[Path, list[int]] = {}
    for number, record in enumerate(records):
        numbers.setdefault(record.path.parent, []).append(number)
    return list(numbers.values())


@dataclass(frozen=True)
class Instrument:
    """How a truth is measured: the forward models, of which each patch draws one, the noise, and what is the target."""

    forwards: tuple[ForwardModel, ...]
    noise: Mapping[str, Any] | None
    target: str

    @property
    def reach(self) -> int:
        """How far beyond a patch the forward model looks, in pixels."""
        kernels = [forward.kernel for forward in self.forwards if hasattr(forward, "kernel")]
        return max((max(kernel.shape) // 2 for kernel in kernels), default=0)

    def draw_forward(self, draws: np.random.Generator) -> ForwardModel | None:
        """Return one of the forward models; where there is no choice, nothing is drawn."""
        if len(self.forwards) <= 1:
            return self.forwards[0] if self.forwards else None
        return self.forwards[int(draws.integers(len(self.forwards)))]


class Sampler:
    """Batches of a split.

    Parameters
    ----------
    images : Images
        Truths of shape (y, x), (z, y, x) or with a leading axis of channels. The forward model gets them as they are,
        and may give channels where they have none: the planes of a through-focus series.
    instrument : Instrument
    settings : Training
    seed : int
    address : tuple
        What the draws of a step are addressed by, besides the step.
    device : str
    augmentation : bool
    """

    def __init__(
        self,
        images: Images,
        instrument: Instrument,
        settings: Training,
        seed: int,
        address: Address,
        device: str,
        augmentation: bool,
    ):
        self.images = images
        self.instrument = instrument
        self.settings = settings
        self.seed = seed
        self.address = address
        self.device = device
        self.augmentation = augmentation

    def check(self) -> None:
        """Check that every image has room for a patch.

        Raises
        ------
        UserError
            If there are no images, or one is smaller than a patch.
        """
        patch = self.settings.patch
        if not len(self.images):
            raise UserError("there are no images to train on; give the dataset's splits `train` and `validation` some")
        for record in self.images.records:
            spatial = record.shape[-len(patch) :]
            if len(spatial) < len(patch) or any(np.less(spatial, patch)):
                raise UserError(
                    f"image '{record.name}' of shape {record.shape} is smaller than the training patches of {patch}; "
                    "make `patch` smaller"
                )

    def batches(self, first: int, last: int) -> Iterator[Batch]:
        """Give the batches of the steps from `first` to before `last`; the next one is cut while one is used."""
        with ThreadPoolExecutor(1) as pool:
            ahead = pool.submit(self._truths, first) if first < last else None
            for step in range(first, last):
                truths, ahead = ahead.result(), pool.submit(self._truths, step + 1) if step + 1 < last else None
                yield self._measured(step, truths)

    def _truths(self, step: int) -> list[tuple[np.ndarray, tuple[slice, ...]]]:
        """Return the pieces of truth of a batch, and where in each the patch lies."""
        draws = generator(self.seed, *self.address, "patches", step)
        return [self._piece(draws) for _ in range(self.settings.batch)]

    def _piece(self, draws: np.random.Generator) -> tuple[np.ndarray, tuple[slice, ...]]:
        """Return a patch with as much around it as the forward model needs and the image has."""
        patch = self.settings.patch
        image = self.images.draw(draws)
        channels = image.ndim - len(patch)
        spatial = image.shape[channels:]
        corner = [int(draws.integers(size - side + 1)) for size, side in zip(spatial, patch, strict=True)]
        low = [max(start - self.instrument.reach, 0) for start in corner]
        high = [
            min(start + side + self.instrument.reach, size)
            for start, side, size in zip(corner, patch, spatial, strict=True)
        ]
        piece = image[(..., *map(slice, low, high))]
        inside = tuple(
            slice(start - first, start - first + side) for start, first, side in zip(corner, low, patch, strict=True)
        )
        if self.augmentation:
            piece, inside = _turned(piece, inside, draws)
        if self.settings.normalise == "min_max":
            piece = _min_max(piece, inside)
        return np.ascontiguousarray(piece), inside

    def _measured(self, step: int, truths: list[tuple[np.ndarray, tuple[slice, ...]]]) -> Batch:
        draws = generator(self.seed, *self.address, "noise", step)
        noise = torch.Generator(self.device).manual_seed(words(*self.address, self.seed, "noise", step)[0])
        forwards = [self.instrument.draw_forward(draws) for _ in truths]
        pairs = [
            self._pair(truth, inside, forward, draws, noise)
            for (truth, inside), forward in zip(truths, forwards, strict=True)
        ]
        measurements, targets = (torch.stack(images) for images in zip(*pairs, strict=True))
        return Batch(
            measurement=measurements,
            target=targets,
            step=step,
            generator=noise,
            forwards=tuple(forwards) if self.instrument.forwards else (),
        )

    def _pair(
        self,
        truth: np.ndarray,
        inside: tuple[slice, ...],
        forward: ForwardModel | None,
        draws: np.random.Generator,
        noise: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        clean = torch.from_numpy(truth).to(self.device)
        target = _with_channels(clean[(..., *inside)], len(inside))
        sizes = clean.shape[-len(inside) :]
        if forward is not None:
            clean = forward(clean)
        # A measurement of another size has no place for the patch: then the whole truth is the patch.
        same_size = clean.shape[-len(inside) :] == sizes
        measured = _with_channels(clean[(..., *inside)] if same_size else clean, len(inside))
        if self.instrument.noise is not None:
            module = catalogue.get_noise(self.instrument.noise["name"])
            params = module.Params.model_validate(self.instrument.noise["params"])
            measured = module.apply(measured, noise, params, module.draw(params, draws))
        if self.instrument.target == "mean_matched":
            target = target * (measured.mean() / target.mean().clamp(min=torch.finfo(target.dtype).tiny))
        return measured.float(), target.float()


def _with_channels(image: torch.Tensor, axes: int) -> torch.Tensor:
    """Return an image of so many axes with one of channels before them, where it has none."""
    return image if image.ndim > axes else image[None]


def _turned(
    piece: np.ndarray, inside: tuple[slice, ...], draws: np.random.Generator
) -> tuple[np.ndarray, tuple[slice, ...]]:
    """Return a piece flipped along random axes and, where its patch is square, with y and x exchanged or not."""
    inside = list(inside)
    channels = piece.ndim - len(inside)
    for axis, place in enumerate(inside):
        if draws.integers(2):
            size = piece.shape[channels + axis]
            piece = np.flip(piece, channels + axis)
            inside[axis] = slice(size - place.stop, size - place.start)
    sides = [place.stop - place.start for place in inside]
    if sides[-1] == sides[-2] and draws.integers(2):
        piece = np.swapaxes(piece, -1, -2)
        inside[-1], inside[-2] = inside[-2], inside[-1]
    return piece, tuple(inside)


def _min_max(piece: np.ndarray, inside: tuple[slice, ...]) -> np.ndarray:
    """Return a piece whose patch goes from 0 to 1; a constant one becomes 0.5."""
    low, high = piece[(..., *inside)].min(), piece[(..., *inside)].max()
    return np.full_like(piece, 0.5) if low == high else (piece - low) / (high - low)
