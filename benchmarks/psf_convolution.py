"""Time the convolution with a point spread function against torch's direct one, in one run, on one thread.

    python benchmarks/psf_convolution.py [rounds at most]

Forward and backward of `PointSpreadConvolution`, which chooses its algorithm, and of the same layer with torch's
conv2d or conv3d; the two take turns. Where it chooses these itself, the ratio is 1 up to chance. Results and gradients
must agree to 1e-5. The allocator is pinned, without which times vary more.
"""

import os
import statistics
import sys
import time
from pathlib import Path

PINNED = {
    "MALLOC_MMAP_THRESHOLD_": "33554432",
    "MALLOC_TRIM_THRESHOLD_": "4294967296",
    "MALLOC_TOP_PAD_": "67108864",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
}
IMAGES, VOLUMES = (16, 1, 128, 128), (4, 1, 64, 64, 64)
IMAGE, VOLUME = (1, 1, 32, 32), (1, 1, 32, 32, 32)
# Width of the kernel, shape of the patches, and rounds.
CASES = (
    (3, IMAGES, 51),
    (5, IMAGES, 51),
    (17, IMAGES, 21),
    (31, IMAGES, 21),
    (3, IMAGE, 1001),
    (5, IMAGE, 1001),
    (3, VOLUMES, 11),
    (5, VOLUMES, 7),
    (9, VOLUMES, 3),
    (17, VOLUMES, 2),
    (3, VOLUME, 301),
    (5, VOLUME, 51),
)


def main(at_most: int) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    import numpy as np
    import torch

    from reconbench.networks.point_spread import PointSpreadConvolution, takes_fft

    torch.set_num_threads(1)
    print("kernel    patches         ours is   direct ms   ours ms     ratio   difference   rounds")
    for width, shape, rounds in CASES:
        random = np.random.default_rng(0)
        kernel = random.random([width] * (len(shape) - 2))
        layers = [PointSpreadConvolution(kernel / kernel.sum(), algorithm=name) for name in ("direct", "auto")]
        image, gradient = (torch.from_numpy(random.random(shape, np.float32)) for _ in range(2))
        image.requires_grad_()

        def both_ways(layer, image=image, gradient=gradient):
            result = layer(image)
            (found,) = torch.autograd.grad(result, image, gradient)
            return result.detach(), found

        direct, ours = map(both_ways, layers)  # also the warm-up
        difference = max(float((a - b).abs().max() / a.abs().max()) for a, b in zip(direct, ours, strict=True))
        if difference > 1e-5:
            sys.exit(f"the results differ by {difference:.1e} (relative); a comparison of times would mean nothing")

        seconds = [[], []]
        for turn in range(min(rounds, at_most)):
            # Each comes first every other time.
            for number in (turn % 2, 1 - turn % 2):
                start = time.perf_counter()
                both_ways(layers[number])
                seconds[number].append(time.perf_counter() - start)
        # Turns that follow one another share the load of the machine, so that their ratio varies less than either time.
        ratio = statistics.median(direct / ours for direct, ours in zip(*seconds, strict=True))
        direct_ms, ours_ms = (1000 * statistics.median(values) for values in seconds)
        taken = "FFT" if takes_fft(kernel.shape, shape) else "direct"
        case = f"{width}^{len(shape) - 2:<8}{shape[0]} x {'x'.join(map(str, shape[2:])):12}{taken:8}"
        numbers = f"{direct_ms:9.2f} {ours_ms:9.2f} {ratio:9.2f}   {difference:10.1e}   {len(seconds[0]):6}"
        print(f"{case} {numbers}", flush=True)


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        # The C library reads these before Python starts.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **PINNED})
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 1001)
