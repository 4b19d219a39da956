"""How long the convolution with a point spread function takes, by the sum over the kernel and by FFT."""

import statistics
import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch

from reconbench.networks.point_spread import PointSpreadConvolution, takes_fft
from reconbench.progress import progress

ALGORITHMS = ("direct", "fft")


def time_convolution(spec: Mapping[str, Any], device: str) -> list[dict[str, Any]]:
    """Time the layer `PointSpreadConvolution` for images and volumes with kernels of several sizes.

    Parameters
    ----------
    spec : mapping
        For each `<d>` of 2d and 3d `sizes_<d>`, the widths of the kernels in pixels, `patch_<d>`, the shape of a patch,
        and `batch_<d>`, their number; `rounds`, how often each is timed.
    device : {"cpu", "cuda"}

    Returns
    -------
    list of dict
        One line an algorithm and direction: `dimensions`, `kernel_size`, `algorithm`, `chosen` (1 where the layer
        takes it by itself), `direction` (``"forward"`` or ``"forward+backward"``), the median `milliseconds`, the
        `least_milliseconds`, and `rounds`. The algorithms take turns. A first turn, which sets up, is not counted.
    """
    cases = [(dimensions, size) for dimensions in (2, 3) for size in spec[f"sizes_{dimensions}d"]]
    lines: list[dict[str, Any]] = []
    for dimensions, size in progress(cases, "time convolutions", "kernel"):
        shape = (spec[f"batch_{dimensions}d"], 1, *spec[f"patch_{dimensions}d"])
        seconds = _time_kernel((size,) * dimensions, shape, spec["rounds"], device)
        for (algorithm, direction), turns in seconds.items():
            chosen = takes_fft((size,) * dimensions, shape) == (algorithm == "fft")
            lines.append(
                {
                    "dimensions": dimensions,
                    "kernel_size": size,
                    "algorithm": algorithm,
                    "chosen": int(chosen),
                    "direction": direction,
                    "milliseconds": 1000 * statistics.median(turns),
                    "least_milliseconds": 1000 * min(turns),
                    "rounds": len(turns),
                }
            )
    return lines


def _time_kernel(
    kernel_shape: tuple[int, ...], shape: tuple[int, ...], rounds: int, device: str
) -> dict[tuple[str, str], list[float]]:
    """Return the seconds of each round, for each algorithm and direction."""
    random = np.random.default_rng(0)
    kernel = random.random(kernel_shape)
    layers = {name: PointSpreadConvolution(kernel / kernel.sum(), algorithm=name) for name in ALGORITHMS}
    image, gradient = (torch.from_numpy(random.random(shape, np.float32)).to(device) for _ in range(2))
    image.requires_grad_()
    seconds: dict[tuple[str, str], list[float]] = {}
    for turn in range(rounds + 1):
        for name, layer in layers.items():
            for direction, taken in _seconds(layer, image, gradient):
                if turn:
                    seconds.setdefault((name, direction), []).append(taken)
    return seconds


def _seconds(layer: PointSpreadConvolution, image: torch.Tensor, gradient: torch.Tensor) -> Iterator[tuple[str, float]]:
    start = _now(image.device)
    result = layer(image)
    yield "forward", _now(image.device) - start
    torch.autograd.grad(result, image, gradient)
    yield "forward+backward", _now(image.device) - start


def _now(device: torch.device) -> float:
    """Return the time after all that the device was given to do."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()
