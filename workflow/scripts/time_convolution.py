"""Time the convolution with point spread functions of many sizes, directly and by FFT.

Output: timings (timings.csv, one line a size, algorithm and direction), run (run.json)
"""

import csv

import _step


def time_convolution(step: _step.Step) -> None:
    import time

    from reconbench.steps.timing import time_convolution

    start = time.perf_counter()
    lines = time_convolution(step.spec, step.device)
    seconds = time.perf_counter() - start
    with open(step.outputs["timings"], "w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    step.write_run(seconds=seconds)


if __name__ == "__main__":
    _step.main(time_convolution, __doc__)
