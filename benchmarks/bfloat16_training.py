"""Train one network in single precision and in bfloat16 with channels last, and compare speed and validation error.

    python benchmarks/bfloat16_training.py [--method dncnn] [--steps 400] [--threads 1] [--device cpu]

Both see the same patches with the same noise and start from the same weights. Steps a second are those of the whole
loop, validation included. Processors without instructions for bfloat16 (avx512_bf16, amx_bf16) imitate it slowly.
"""

import argparse
import json
import os
import sys
import tempfile
from pathlib import Path

ARITHMETIC = {
    "float32": {"precision": "float32", "channels_last": False},
    "bfloat16, channels last": {"precision": "bfloat16", "channels_last": True},
}
NETWORKS = {
    "dncnn": {"features": 24, "depth": 6},
    "atrous_encoder_decoder": {
        "width": 16,
        "middle_blocks": 2,
        "rates": [1, 2, 3],
        "input_skip": True,
        "normalisation_momentum": 0.1,
    },
}
LOW_DOSE = {"name": "poisson", "params": {"dose": {"law": "exponential", "offset": 25, "mean": 75}}}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=NETWORKS, default="dncnn")
    parser.add_argument("--steps", type=int, default=400)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    given = parser.parse_args()
    os.environ.update(OMP_NUM_THREADS=str(given.threads), MKL_NUM_THREADS=str(given.threads))
    sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
    import torch

    from reconbench.results.provenance import device_name
    from reconbench.steps.training import TrainingData, train_networks

    torch.set_num_threads(given.threads)
    with tempfile.TemporaryDirectory() as folder:
        data = TrainingData(truths(Path(folder), "train", 48), truths(Path(folder), "val", 8))
        results = {}
        for name, arithmetic in ARITHMETIC.items():
            place = Path(folder) / name
            spec = spec_of(given.method, given.steps, arithmetic)
            _, progress, _ = train_networks(spec, "", data, place, given.device, 1e9)
            results[name] = progress.facts()
            print(f"{name}: {json.dumps(results[name])}", flush=True)
    single, half = results.values()
    print(f"{given.method}, {given.steps} steps, {given.threads} threads, {device_name(given.device)}")
    print(f"steps a second, bfloat16 / float32: {half['steps_per_second'] / single['steps_per_second']:.2f}")
    ratio = half["last_validation_error"] / single["last_validation_error"]
    print(f"last validation error, bfloat16 / float32: {ratio:.4f}")


def truths(folder: Path, split: str, number: int) -> list:
    """Write simulated micrographs and return their records."""
    from reconbench.datasets.simulators import micrographs
    from reconbench.images import ImageWriter, read_index
    from reconbench.randomness import generator

    index = folder / split / "index.csv"
    index.parent.mkdir()
    with ImageWriter(index) as writer:
        for image in range(number):
            truth = micrographs.simulate(generator(0, split, image), (128, 128), micrographs.Params())
            writer.add(f"{split}_{image}", truth)
    return read_index(index)


def spec_of(method: str, steps: int, arithmetic: dict) -> dict:
    """Return the spec of a training at low dose."""
    last = steps // 4
    phases = [{"steps": steps - last, "learning_rate": 3e-3}, {"steps": last, "learning_rate": 5e-4}]
    training = {"patch": [64, 64], "batch": 4, "phases": phases, "normalise": "none", "validation_every": steps // 8}
    return {
        "method": {"name": method, "file": None},
        "params": {**NETWORKS[method], "training": {**training, **arithmetic}},
        "kind": "denoising",
        "forward": None,
        "noise": LOW_DOSE,
        "target": "truth",
        "problem": "low",
        "variant": method,
        "repetition": "1",
        "seed": 0,
    }


if __name__ == "__main__":
    main()
