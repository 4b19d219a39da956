"""Time deconvolution by total variation and by a filter against their peers, in one run, on one thread.

    python benchmarks/deconvolution_baselines.py [rounds]

512 x 512 pixels, a kernel of 17 x 17, circular boundaries, 1 % noise; the candidates take turns.

Total variation of weight 2e-3: ADMM against FISTA, whose proximal map is five accelerated steps of its dual, begun
where the last map ended. Each gets as many iterations as bring it to within 1 % of the optimum, which is the best of
2000 iterations of ADMM; how far that lies above the minimum at most, the duality gap says. ADMM must take at most 40
iterations, and be at least 3 times faster.

Filter: one kept for all images against `skimage.restoration.wiener`, which makes it anew for each. The two must agree
to 1e-6, and the kept one must be at least 3 times faster. The allocator is pinned, without which scikit-image takes up
to twice as long by chance.

Trainable Wiener filter: with 45 kernels of 5 x 5 x 3, untrained, which costs the same, against 100 iterations of
Tikhonov-Miller, on a volume of 16 x 128 x 128 with a microscope of Moskalev (2019), whose slides have a ratio of 37.
Each makes its transfer function anew in every round.

It ends with an error where a bound is missed.
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
WEIGHT, BALANCE, NOISE = 2e-3, 0.05, 0.01
NEAR, OPTIMUM_AFTER, MOST = 1.01, 2000, 1000
ITERATIONS_AT_MOST, FASTER_AT_LEAST = 40, 3


def main(rounds: int) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    import numpy as np
    import torch
    from skimage.data import camera

    from reconbench.forward import ssi_blur
    from reconbench.methods._periodic import PeriodicBlur

    torch.set_num_threads(1)
    kernel = ssi_blur.build(ssi_blur.Params()).kernel
    truth = (camera() / 255).astype(np.float32)
    blur = PeriodicBlur(kernel, truth.shape, "circular")
    clean = blur.inverse(blur.transfer * blur.spectrum(truth)).numpy()
    measurement = (clean + np.random.default_rng(0).normal(0, NOISE, truth.shape)).astype(np.float32)
    missed = [*compare_total_variation(kernel, measurement, rounds), *compare_filters(kernel, measurement, rounds)]
    compare_trainable(rounds)
    if missed:
        sys.exit(f"\nmissed: {'; '.join(missed)}")


def compare_total_variation(kernel, measurement, rounds: int) -> list[str]:
    """Return the bounds that are missed."""
    import torch

    from reconbench.methods import total_variation_admm
    from reconbench.methods._periodic import PeriodicBlur

    blur = PeriodicBlur(kernel, measurement.shape, "circular")
    measured = torch.from_numpy(measurement)
    threshold = total_variation_admm.THRESHOLD * float(measurement.std())

    def admm():
        """Set up anew, as for one image."""
        blur = PeriodicBlur(kernel, measurement.shape, "circular")
        return total_variation_admm.iterates(blur, blur.spectrum(measurement), WEIGHT, threshold)

    def fista():
        blur = PeriodicBlur(kernel, measurement.shape, "circular")
        return fista_iterates(blur, blur.spectrum(measurement), measured)

    optimum, bound = float("inf"), 0.0
    for number, (x, u) in zip(range(1, OPTIMUM_AFTER + 1), admm(), strict=False):
        if number % 100 == 0:
            optimum = min(optimum, total_variation_admm.objective(blur, measured, x, WEIGHT))
            dual = WEIGHT / threshold * u
            bound = max(bound, total_variation_admm.lower_bound(blur, measured, x, dual, WEIGHT))

    def iterations(name, solver):
        for number, (x, _) in zip(range(1, MOST + 1), solver(), strict=False):
            if total_variation_admm.objective(blur, measured, x, WEIGHT) <= NEAR * optimum:
                return number
        sys.exit(f"{name} is not within 1 % of the optimum after {MOST} iterations")

    solvers = {"ADMM": admm, "FISTA": fista}
    needed = {name: iterations(name, solver) for name, solver in solvers.items()}

    def run(name):
        for _, _ in zip(range(needed[name]), solvers[name](), strict=False):
            pass

    print(f"Total variation to 1 % above the optimum of {optimum:.4f}, of which the duality gap is")
    print(f"{100 * (1 - bound / optimum):.2f} %; ADMM took {needed['ADMM']} iterations, FISTA {needed['FISTA']}")
    ratio = take_turns({name: lambda name=name: run(name) for name in solvers}, rounds)
    missed = too_slow("ADMM", ratio)
    if needed["ADMM"] > ITERATIONS_AT_MOST:
        missed.append(f"ADMM took {needed['ADMM']} iterations, more than {ITERATIONS_AT_MOST}")
    return missed


def fista_iterates(blur, spectrum, start):
    """Yield the estimates of FISTA (Beck & Teboulle 2009, doi:10.1109/TIP.2009.2028250), from the measurement."""
    import torch

    from reconbench.methods.total_variation_admm import gradient, gradient_adjoint

    kept = 1 - blur.power
    gained = blur.transfer.conj() * spectrum
    x = ahead = start
    dual = gradient(torch.zeros_like(x))
    momentum = 1.0
    while True:
        step = blur.inverse(kept * torch.fft.rfftn(ahead) + gained)
        dual_ahead, dual_momentum = dual, 1.0
        for _ in range(5):
            field = dual_ahead + gradient(step - gradient_adjoint(dual_ahead)) / (4 * x.ndim)
            dual_before, dual = dual, field.div_((field.square().sum(0).sqrt_() / WEIGHT).clamp_(min=1))
            dual_ahead, dual_momentum = accelerated(dual, dual_before, dual_momentum)
        x_before, x = x, step - gradient_adjoint(dual)
        ahead, momentum = accelerated(x, x_before, momentum)
        yield x, dual


def accelerated(now, before, momentum: float):
    larger = (1 + (1 + 4 * momentum**2) ** 0.5) / 2
    return now + (momentum - 1) / larger * (now - before), larger


def compare_filters(kernel, measurement, rounds: int) -> list[str]:
    """Return the bounds that are missed."""
    import numpy as np
    from skimage.restoration import wiener

    from reconbench.convolution import squared_gradient
    from reconbench.methods._periodic import InverseFilter, PeriodicBlur

    blur = PeriodicBlur(kernel, measurement.shape, "circular")
    kept = InverseFilter(blur, squared_gradient(blur.grid).square(), BALANCE)
    narrow = kernel.astype(np.float32)
    candidates = {
        "kept filter": lambda: kept(blur.spectrum(measurement)),
        "scikit-image": lambda: wiener(measurement, narrow, BALANCE, clip=False),
    }
    ours, theirs = (restore() for restore in candidates.values())
    difference = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    if difference > 1e-6:
        sys.exit(f"the results differ by {difference:.1e} (relative); a comparison of times would mean nothing")
    print(f"\nWiener filter with a Laplacian; the results differ by {difference:.1e} (relative, Euclidean norm)")
    return too_slow("the kept filter", take_turns(candidates, 20 * rounds))


def compare_trainable(rounds: int) -> None:
    import numpy as np

    from reconbench.contracts import Problem
    from reconbench.forward import moskalev_microscopes
    from reconbench.methods import tikhonov_miller, trainable_wiener

    params = moskalev_microscopes.Params()
    forward = moskalev_microscopes.build(params, params.microscopes[0])
    told = frozenset({"forward model"})
    problem = Problem(kind="deconvolution", forward_model=forward, told=told)
    volume = np.random.default_rng(0).random((16, 128, 128), np.float32)
    ours = trainable_wiener.Params(number=45, boundary="zero")
    # A network keeps the transfer functions that it has made.
    fresh = iter([trainable_wiener.network(problem, ours).eval() for _ in range(rounds)])
    theirs = tikhonov_miller.Params(boundary="zero")
    print(f"\nTrainable Wiener filter of {ours.number} kernels, Tikhonov-Miller of {theirs.iterations} iterations")
    take_turns(
        {
            "trainable": lambda: trainable_wiener.restore(volume, problem, ours, "cpu", next(fresh)),
            "Tikh.-Miller": lambda: tikhonov_miller.restore(volume, problem, theirs, "cpu"),
        },
        rounds,
    )


def take_turns(candidates, rounds: int) -> float:
    """Print the times of two candidates, and return how many times faster the first is."""
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds):
        for name, restore in candidates.items():
            start = time.perf_counter()
            restore()
            seconds[name].append(time.perf_counter() - start)
    for name, values in seconds.items():
        median, least = (1000 * choose(values) for choose in (statistics.median, min))
        print(f"{name:12}  {median:8.2f} ms (median of {rounds}; least {least:.2f})")
    # Turns that follow one another share the load of the machine, so that their ratio varies less than either time.
    ratios = [theirs / ours for ours, theirs in zip(*seconds.values(), strict=True)]
    ratio = statistics.median(ratios)
    print(f"ratio         {ratio:8.2f} (median of the rounds' ratios)")
    return ratio


def too_slow(name: str, ratio: float) -> list[str]:
    """Return what is to be said of a candidate that is not faster by as much as it must be."""
    if ratio >= FASTER_AT_LEAST:
        return []
    return [f"{name} is {ratio:.2f} times faster than its peer, and must be {FASTER_AT_LEAST} times"]


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        # The C library reads these before Python starts.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **PINNED})
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 11)
