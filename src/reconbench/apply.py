"""A method on images of one's own: load once, restore many."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np

from reconbench import catalogue
from reconbench.config.messages import faults
from reconbench.contracts import NotToldError
from reconbench.errors import UserError
from reconbench.images import AXES, ImageRecord
from reconbench.steps.restoring import Restorer

Scaling = Literal["min_max", "none"]


class ImageRestorer:
    """A method with its parameters or trained weights, ready for any number of images of any size.

    Parameters
    ----------
    method : str, optional
        Its name; by default that of the weights.
    weights : path-like, optional
        What training wrote: ``results/<scale>/models/<problem>/<variant>/<repetition>/all/weights.pt``.
    params : mapping, optional
        Parameters of the method; by default those that the weights were trained with, or the method's own.
    forward : mapping, optional
        Name and params of the forward model, for a method that must be told it; by default that of the weights.
    scaling : {"min_max", "none"}
        Whether an image is scaled to [0, 1] by its extremes before it is restored, and its estimate back: methods
        and their parameters are made for values in that range.
    device : {"cpu", "cuda"}
    method_folders : iterable of path-like
        Folders with methods of your own.

    Raises
    ------
    UserError
        If the method or the weights are not there or do not fit each other, or a parameter is wrong.

    Examples
    --------
    >>> from reconbench.apply import ImageRestorer
    >>> denoiser = ImageRestorer(weights="weights.pt")  # doctest: +SKIP
    >>> first, second = denoiser(first_noisy), denoiser(second_noisy)  # doctest: +SKIP
    """

    def __init__(
        self,
        method: str | None = None,
        weights: str | Path | None = None,
        params: Mapping[str, Any] | None = None,
        forward: Mapping[str, Any] | None = None,
        scaling: Scaling = "min_max",
        device: str = "cpu",
        method_folders: Iterable[str | Path] = (),
    ):
        weights = None if weights is None else Path(weights)
        trained = _about(weights)
        name = method or trained.get("method")
        if name is None:
            raise UserError("name a method, or the weights of a trained one")
        module = catalogue.get_method(name, catalogue.file_in(name, method_folders))
        self.scaling = scaling
        self._restorer = Restorer(
            {
                "method": {"name": name, "file": catalogue.file_in(name, method_folders)},
                "kind": trained.get("kind") or _only_kind(module),
                "forward": _complete(forward) or trained.get("forward"),
                # How noisy an image of one's own is, nobody knows.
                "noise": None,
            },
            _checked(module, params if params is not None else trained.get("params", {})),
            device,
            weights,
        )

    def __call__(self, image: np.ndarray, pixel_size: tuple[float, ...] | None = None) -> np.ndarray:
        """Restore one image.

        Parameters
        ----------
        image : ndarray
            Shape (y, x) or (z, y, x), real numbers of any type; it is not changed.
        pixel_size : tuple of float, optional
            Nanometres, in the order of the axes.

        Returns
        -------
        ndarray of float32

        Raises
        ------
        UserError
            If the image is none, or the method must be told something that is not known of it.
        """
        image = np.asarray(image)
        if image.ndim not in AXES or image.dtype.kind not in "buif" or not np.isfinite(image).all():
            raise UserError(f"an image is a finite array (y, x) or (z, y, x), not {image.dtype} of shape {image.shape}")
        low, high = (float(image.min()), float(image.max())) if self.scaling == "min_max" else (0.0, 1.0)
        if low == high:
            raise UserError(f"the image is constant: each of its pixels is {low:g}")
        scaled = ((image.astype(np.float64) - low) / (high - low)).astype(np.float32)
        size = {} if pixel_size is None else {"pixel_size": "x".join(f"{value:g}" for value in pixel_size)}
        record = ImageRecord("image", Path(), image.shape, AXES[image.ndim], "", size)
        try:
            estimate = self._restorer.restore(scaled, record)
        except NotToldError as error:
            raise UserError(f"{error}; take a method that estimates it, or needs it not") from error
        return (estimate.astype(np.float64) * (high - low) + low).astype(np.float32)


def _about(weights: Path | None) -> Mapping[str, Any]:
    if weights is None:
        return {}
    from reconbench.training.weights import read_weights

    return read_weights(weights).about


def _only_kind(module: Any) -> str:
    """Return the kind of problem that a method solves, the first by name where it solves several."""
    return min(module.METHOD.kinds)


def _checked(module: Any, params: Mapping[str, Any]) -> Mapping[str, Any]:
    from pydantic import ValidationError

    try:
        module.Params.model_validate(dict(params))
    except ValidationError as error:
        location, sentence = faults(error, module.Params)[0]
        key = ".".join(map(str, location))
        raise UserError(f"parameter '{key}' of method '{module.METHOD.name}': {sentence}") from error
    return params


def _complete(forward: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    return None if forward is None else {"params": {}, **forward}
