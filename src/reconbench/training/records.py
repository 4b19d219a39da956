"""training.csv: how a training went, one line a validation."""

import csv
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from reconbench.training.checkpoints import write_aside

COLUMNS = ("step", "seconds", "learning_rate", "frozen_normalisation", "loss", "validation_error")


def write_training(path: Path, lines: Sequence[Mapping[str, Any]]) -> None:
    """Write training.csv: one line a validation, the header alone where there is none."""
    text = StringIO()
    writer = csv.DictWriter(text, list(lines[0]) if lines else COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    write_aside(path, text.getvalue().encode(), "the learning curve")
