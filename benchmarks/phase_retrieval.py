"""Time phase retrieval against its peers and its floor, in one run, on one thread.

    python benchmarks/phase_retrieval.py [rounds]

Poisson's equation for the phase at 512 x 512, its kernel kept in single precision, against numpy in double precision
with the kernel made anew. The intensity in 16 planes on a field of 512 x 512 (an image of 256 x 256 with its
reflections), transfer functions kept in single precision, against numpy in double precision with these made anew. Each
two must agree to 1e-4.

GPTIE on 129 planes of 512 x 512 against nothing but one real FFT of each plane by the same library, in double precision
like its own (the time in single precision is printed too), for planes at any distances and symmetric about focus, on a
periodic grid and on the even one, which is its default.

The candidates take turns, the solvers of Poisson's equation five times in a row. The allocator is pinned, without which
numpy takes up to twice as long by chance. A goal that is missed makes the exit code 1.
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
SIZE, PLANES = 512, 129


def main(rounds: int) -> None:
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    import torch

    torch.set_num_threads(1)
    loads = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    print(f"{rounds} rounds, one thread, {os.cpu_count()} cores; load average at the start {loads}")
    reached = [compare_solvers(3 * rounds), compare_propagation(rounds), *compare_gptie(rounds)]
    if not all(reached):
        sys.exit(f"\n{reached.count(False)} of {len(reached)} goals missed")


def compare_solvers(rounds: int) -> bool:
    import numpy as np
    import torch

    from reconbench.methods._phase import inverse_laplacian, solve_transport
    from reconbench.methods._phase_grids import PeriodicGrid

    rate = np.random.default_rng(0).standard_normal((SIZE, SIZE), dtype=np.float32)
    grid = PeriodicGrid((SIZE, SIZE))
    inverse = inverse_laplacian(grid)
    given = torch.from_numpy(rate)

    def plain():
        frequency = 2 * np.pi * np.fft.fftfreq(SIZE)
        divisor = frequency[:, None] ** 2 + frequency**2
        divisor[0, 0] = np.inf
        return np.fft.ifft2(np.fft.fft2(rate.astype(np.complex128)) / divisor).real

    candidates = {
        "reconbench": lambda: solve_transport(grid, grid.transform(given), inverse, 1.0).numpy(),
        "numpy": plain,
    }
    require_agreement(candidates)
    print("\nTransport of intensity, uniform, 512 x 512")
    return report(take_turns(candidates, rounds, times=5), "numpy", "reconbench", goal=4.0, at_least=True)


def compare_propagation(rounds: int) -> bool:
    import numpy as np
    import torch

    from reconbench.forward import through_focus

    half = SIZE // 2
    distances = tuple(float(z) for z in np.linspace(-40e-6, 40e-6, 16))
    forward = through_focus.build(through_focus.Params(distances=distances, pixel_size=0.31e-6))
    truth = np.random.default_rng(0).random((half, half), dtype=np.float32)
    given = torch.from_numpy(truth)

    def plain():
        wave = np.exp(1j * forward.phase_range * truth.astype(np.float64))
        spectrum = np.fft.fft2(np.pad(wave, ((0, half), (0, half)), mode="symmetric"))
        planes = []
        for distance in distances:
            squared = (2 * np.pi * np.fft.fftfreq(SIZE, forward.pixel_size)) ** 2
            axial = np.sqrt((forward.wavenumber**2 - squared[:, None] - squared).clip(min=0))
            transfer = (axial > 0) * np.exp(1j * distance * (axial - forward.wavenumber))
            planes.append(np.abs(np.fft.ifft2(spectrum * transfer)[:half, :half]) ** 2)
        return np.stack(planes)

    candidates = {"reconbench": lambda: forward(given).numpy(), "numpy": plain}
    require_agreement(candidates)
    print("\nPropagation to 16 planes, a field of 512 x 512")
    return report(take_turns(candidates, rounds), "numpy", "reconbench", goal=4.0, at_least=True)


def compare_gptie(rounds: int) -> list[bool]:
    import numpy as np
    import torch

    from reconbench.contracts import Problem
    from reconbench.forward import through_focus
    from reconbench.methods import gptie

    source = np.random.default_rng(0)
    stack = 1 + source.normal(0, 0.05, (PLANES, SIZE, SIZE)).astype(np.float32)
    given = torch.from_numpy(stack)
    symmetric = 4e-6 * np.arange(-(PLANES // 2), PLANES // 2 + 1)
    spacings = {"any spacing": np.sort(symmetric + source.uniform(-1e-6, 1e-6, PLANES)), "symmetric": symmetric}

    def transforms(precision):
        for plane in given:
            torch.fft.rfft2(plane.to(precision))

    def solver(distances, boundary):
        params = through_focus.Params(distances=tuple(distances), pixel_size=0.31e-6)
        problem = Problem(kind="phase_retrieval", forward_model=through_focus.build(params), told=gptie.METHOD.told)
        return lambda: gptie.restore(stack, problem, gptie.Params(boundary=boundary), "cpu")

    candidates = {
        "129 real FFTs": lambda: transforms(torch.float64),
        "in single precision": lambda: transforms(torch.float32),
    }
    for spacing, distances in spacings.items():
        for grid, boundary in (("periodic", "circular"), ("even", "symmetric")):
            candidates[f"{spacing}, {grid}"] = solver(distances, boundary)
    print("\nGPTIE, 129 planes of 512 x 512")
    seconds = take_turns(candidates, rounds)
    return [
        report(seconds, name, "129 real FFTs", goal=2.5 if name.startswith("symmetric") else 4.0, at_least=False)
        for name in list(candidates)[2:]
    ]


def require_agreement(candidates) -> None:
    import numpy as np

    ours, theirs = (run() for run in candidates.values())  # also the warm-up
    difference = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    if difference > 1e-4:
        sys.exit(f"the results differ by {difference:.1e} (relative); a comparison of times would mean nothing")


def take_turns(candidates, rounds: int, times: int = 1) -> dict[str, list[float]]:
    """Print and return the seconds of each candidate in each round, the mean of several times in a row.

    The first round, which warms up, is left out.
    """
    seconds: dict[str, list[float]] = {name: [] for name in candidates}
    for _ in range(rounds + 1):
        for name, run in candidates.items():
            start = time.perf_counter()
            for _ in range(times):
                run()
            seconds[name].append((time.perf_counter() - start) / times)
    for name, values in seconds.items():
        del values[0]
        median, least = (1000 * choose(values) for choose in (statistics.median, min))
        print(f"{name:22}  {median:8.2f} ms (median of {rounds}; least {least:.2f})")
    return seconds


def report(seconds, slow: str, fast: str, goal: float, at_least: bool) -> bool:
    """Print the ratio of two times, and return whether the goal is reached."""
    # Turns that follow one another share the load of the machine, so that their ratio varies less than either time.
    ratio = statistics.median(one / other for one, other in zip(seconds[slow], seconds[fast], strict=True))
    reached = ratio >= goal if at_least else ratio <= goal
    bound = f"at {'least' if at_least else 'most'} {goal:g}: {'reached' if reached else 'missed'}"
    print(f"{slow} / {fast}: {ratio:.2f} (median of the rounds' ratios; goal {bound})")
    return reached


if __name__ == "__main__":
    if any(os.environ.get(name) != value for name, value in PINNED.items()):
        # The C library reads these before Python starts.
        os.execve(sys.executable, [sys.executable, *sys.argv], {**os.environ, **PINNED})
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
