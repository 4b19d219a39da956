"""Training on measured images and their truths, where no forward model and no noise is known."""

from collections.abc import Sequence

import numpy as np
import torch

from reconbench.contracts import ForwardModel
from reconbench.errors import UserError
from reconbench.images import ImageRecord
from reconbench.training.sampling import Address, Images, Instrument, Sampler
from reconbench.training.settings import Training


class JoinedImages(Images):
    """Truths and their measurements, each pair as one image: the channels of the truth, then those of the measurement.

    Parameters
    ----------
    truths : sequence of ImageRecord
    measured : sequence of ImageRecord
        Of the same pixels; paired by name.

    Raises
    ------
    UserError
        If a truth has no measurement of its name, or one of other pixels.
    """

    def __init__(self, truths: Sequence[ImageRecord], measured: Sequence[ImageRecord]):
        super().__init__(truths)
        by_name = {record.name: record for record in measured}
        for truth in truths:
            partner = by_name.get(truth.name)
            if partner is None:
                raise UserError(f"truth '{truth.name}' has no measured image of the same name to train on")
            if partner.shape[-2:] != truth.shape[-2:]:
                raise UserError(
                    f"training on measured images takes those of as many pixels as their truths; '{truth.name}' has "
                    f"{partner.shape}, and its truth {truth.shape}"
                )
        self.partners = [by_name[truth.name] for truth in truths]

    def load(self, index: int) -> np.ndarray:
        """Return a pair of shape (channels of the truth + channels of the measurement, y, x)."""
        pair = [record.load() for record in (self.records[index], self.partners[index])]
        return np.concatenate([image if image.ndim > 2 else image[None] for image in pair])


class PairSampler(Sampler):
    """Batches of pairs: patches at one place of a truth and of its measurement.

    Parameters
    ----------
    images : JoinedImages
    settings, seed, address, device, augmentation
        As for `Sampler`.
    """

    def __init__(
        self, images: JoinedImages, settings: Training, seed: int, address: Address, device: str, augmentation: bool
    ):
        super().__init__(images, Instrument((), None, "truth"), settings, seed, address, device, augmentation)

    def check(self) -> None:
        """Check that every image has room for a patch, and that its values are to stay as they are.

        Raises
        ------
        UserError
            If not.
        """
        super().check()
        if self.settings.normalise != "none":
            raise UserError("measured images cannot be measured anew from scaled truths; leave `normalise: none`")

    def _pair(
        self,
        truth: np.ndarray,
        inside: tuple[slice, ...],
        forward: ForwardModel | None,
        draws: np.random.Generator,
        noise: torch.Generator,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Return measurement and truth of a joined piece."""
        both = torch.from_numpy(truth).to(self.device)
        of_truth = self.images.records[0].shape
        channels = of_truth[0] if len(of_truth) > 2 else 1
        return both[channels:], both[:channels]
