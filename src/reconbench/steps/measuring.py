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
# The column of the index that says which of several instruments measured an image.
INSTRUMENT = "instrument"


class ForwardModels:
    """The forward models of a problem: none, one for all images, or several of which each image has one.

    Each is built once, when it is first asked for.

    Parameters
    ----------
    reference : mapping or None
        Name and parameters, as a spec gives them.

    Attributes
    ----------
    choices : tuple of str
        Names of several; empty for one or none.
    """

    def __init__(self, reference: Spec | None):
        self._module = None if reference is None else catalogue.get_forward_model(reference["name"])
        self._params = None if reference is None else self._module.Params.model_validate(reference["params"])
        self.choices: tuple[str, ...] = (
            tuple(self._module.choices(self._params)) if hasattr(self._module, "choices") else ()
        )
        self._built: dict[str | None, ForwardModel] = {}

    def choice(self, number: int) -> str | None:
        """Return what image `number` of a split is measured by: they take turns."""
        return self.choices[number % len(self.choices)] if self.choices else None

    def get(self, choice: str | None) -> ForwardModel | None:
        """Return the forward model of a choice, None where there is none at all."""
        if self._module is None:
            return None
        if choice not in self._built:
            self._built[choice] = self._module.build(self._params, *([choice] if self.choices else []))
        return self._built[choice]

    def of(self, record: ImageRecord) -> ForwardModel | None:
        """Return what a measurement was made by.

        Raises
        ------
        UserError
            If it is not known which of several it was.
        """
        return self.get(self._choice_of(record))

    @property
    def all(self) -> tuple[ForwardModel, ...]:
        """Every one of them."""
        if self._module is None:
            return ()
        return tuple(self.get(choice) for choice in self.choices or (None,))

    @property
    def only(self) -> ForwardModel | None:
        """The one for all images, None where they differ."""
        return None if len(self.choices) > 1 else self.get(self.choice(0))

    def _choice_of(self, record: ImageRecord) -> str | None:
        if len(self.choices) <= 1:
            return self.choice(0)
        chosen = record.notes.get(INSTRUMENT)
        if chosen not in self.choices:
            raise UserError(
                f"nothing says which instrument measured image '{record.name}'; leave one of "
                f"{', '.join(self.choices)} in the parameters of the forward model"
            )
        return chosen


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


def axes_of(measurement: np.ndarray, truth: str) -> str:
    """Return the axes of a measurement: those of its truth, with channels before them where it has more.

    >>> axes_of(np.zeros((4, 9, 9)), "TYX"), axes_of(np.zeros((3, 9, 9)), "YX"), axes_of(np.zeros((9, 9)), "CYX")
    ('TYX', 'CYX', 'YX')
    """
    return ("C" * measurement.ndim + truth)[-measurement.ndim :]


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
