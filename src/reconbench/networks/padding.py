"""Images made larger by their mirror image, whatever their size."""

import numpy as np
import torch


def mirrored(images: torch.Tensor, *margins: tuple[int, int]) -> torch.Tensor:
    """Return images that go on beyond their edges with their mirror image, the edge pixel repeated.

    Parameters
    ----------
    images : torch.Tensor
        Shape (..., y, x).
    *margins : tuple of int
        Pixels to put before and after the image, for each of the last axes. Where there are more than the image has,
        the mirror image is mirrored again.

    Returns
    -------
    torch.Tensor
        Shape (..., before + y + after, before + x + after).
    """
    for axis, margin in enumerate(margins, start=-len(margins)):
        places = np.pad(np.arange(images.shape[axis]), margin, mode="symmetric")
        images = images.index_select(axis, torch.from_numpy(places).to(images.device))
    return images
