"""Time Lucy-Richardson deconvolution against scikit-image's, in one run, on one thread.

    python benchmarks/lucy_richardson.py [rounds]

512 x 512 pixels, a kernel of 17 x 17, 50 iterations, zeros beyond the edge; the candidates take turns. Both must give
the same image to 1e-5. The allocator is pinned, without which scikit-image takes up to twice as long by chance.
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
ITERATIONS = 50


def main(rounds: int) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    import numpy as np
    import torch
    from skimage.data import camera
    from skimage.restoration import richardson_lucy

    from reconbench.contracts import Problem
    from reconbench.forward import ssi_blur
    from reconbench.methods import lucy_richardson

    torch.set_num_threads(1)
    blur = ssi_blur.build(ssi_blur.Params())
    blurred = blur(torch.from_numpy(camera() / 255)).numpy()
    measurement = np.random.default_rng(0).poisson(200 * blurred.clip(0)).astype(np.float32) / 200
    problem = Problem(kind="deconvolution", forward_model=blur, told=lucy_richardson.METHOD.told)
    params = lucy_richardson.Params(iterations=ITERATIONS, boundary="zero", clip=None)
    kernel = blur.kernel.astype(np.float32)
    candidates = {
        "reconbench": lambda: lucy_richardson.restore(measurement, problem, params, "cpu"),
        "scikit-image": lambda: richardson_lucy(measurement, kernel, num_iter=ITERATIONS, clip=False),
    }

    ours, theirs = (restore() for restore in candidates.values())  # also the warm-up
    difference = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    if difference > 1e-5:
        sys.exit(f"the results differ by {difference:.1e} (relative); a comparison of times would mean nothing")

    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, restore in candidates.items():
            start = time.perf_counter()
            restore()
            seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        median, least = (1000 * choose(values) for choose in (statistics.median, min))
        print(f"{name:12}  {median:7.1f} ms (median of {rounds}; least {least:.1f})")
    # Turns that follow one another share the load of the machine, so that their ratio varies less than either time.
    ratios = [theirs / ours for ours, theirs in zip(*seconds.values(), strict=True)]
    print(f"ratio         {statistics.median(ratios):7.2f} (median of the rounds' ratios)")
    print(f"difference    {difference:7.1e} (relative, Euclidean norm)")


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        # The C library reads these before Python starts.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **PINNED})
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 21)
