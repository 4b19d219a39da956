"""Restore an image of your own, of any size, by any method: a trained one with its weights, or a classical one.

python workflow/scripts/restore_image.py --weights results/small/models/em_low/atrous_low/1/all/weights.pt image.tif
python workflow/scripts/restore_image.py --method non_local_means --params '{"h": 0.05}' image.png
python workflow/scripts/restore_image.py --method lucy_richardson --forward '{"name": "ssi_blur"}' image.tif
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import _step  # noqa: F401 (makes the package importable)

from reconbench.datasets.splits import ESTIMATE
from reconbench.devices import lease
from reconbench.errors import UserError


def main() -> None:
    """Restore the image that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", type=Path, help="a TIFF, PNG, JPEG or NumPy file; of colours the brightness is taken")
    parser.add_argument("--method", help="name of the method; by default that of the weights")
    parser.add_argument("--weights", type=Path, help="weights.pt of a trained method")
    parser.add_argument("--params", type=_json, help="parameters of the method, as JSON")
    parser.add_argument("--forward", type=_json, help="forward model that the method is told, as JSON: name and params")
    parser.add_argument(
        "--scaling",
        choices=("min_max", "none"),
        default="min_max",
        help="scale the image to [0, 1] first and the estimate back (default), or leave the values alone",
    )
    parser.add_argument("--output", type=Path, help="by default a new file <image>_restored.ome.tif beside the image")
    parser.add_argument("--method-folder", action="append", default=[], help="a folder with methods of your own")
    parser.add_argument("--gpu", type=int, default=0, help="GPUs to lease; 0 computes on the CPU")
    parser.add_argument("--threads", type=int, default=1, help="threads to compute with")
    given = parser.parse_args()
    output = given.output or given.image.with_name(f"{given.image.stem.removesuffix('.ome')}{ESTIMATE}")
    if given.output is None and output.exists():
        sys.exit(f"error: {output} is there already; say where to write with --output, which may be the same file")
    try:
        with lease(given.gpu, given.threads) as device:
            restore_image(given, output, device)
    except UserError as error:
        sys.exit(f"error: {error}")
    print(output)


def restore_image(given: argparse.Namespace, output: Path, device: str) -> None:
    """Read, restore, write."""
    from reconbench.apply import ImageRestorer
    from reconbench.datasets.reading import read_image
    from reconbench.images import write_image

    image, axes, pixel_size = read_image(given.image, colour="grey")
    restorer = ImageRestorer(
        given.method, given.weights, given.params, given.forward, given.scaling, device, given.method_folder
    )
    write_image(output, restorer(image, pixel_size), axes, pixel_size)


def _json(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise argparse.ArgumentTypeError(f"not JSON: {error}") from None
    if not isinstance(value, dict):
        raise argparse.ArgumentTypeError("not a JSON object")
    return value


if __name__ == "__main__":
    main()
