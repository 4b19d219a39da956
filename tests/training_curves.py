"""Made-up trainings, their learning curves drawn, and what stands in the figure."""

import csv

import made_up
import numpy as np

from reconbench.results import style
from reconbench.results.drawing import draw_figure

COLUMNS = ("step", "seconds", "learning_rate", "frozen_normalisation", "loss", "validation_error")
PHASES = [
    {"steps": 60, "learning_rate": 1e-3},
    {"steps": 0, "learning_rate": 1.0},
    {"steps": 40, "learning_rate": 2.5e-4, "frozen_normalisation": True},
]
ERRORS = np.geomspace(0.02, 0.001, 10)
NONE = {name: [] for name in ("scores", "examples", "truths", "measurements", "models", "errors", "timings")}


def network(title="", phases=PHASES, batch=4):
    return made_up.variant("gaussian", title, training={"phases": phases, "batch": batch})


def write_training(root, problem, variant, errors=ERRORS, repetition=1, loss=0.5, pace=0.5):
    """Write training.csv with a validation every 10 steps; no errors stand for a training that failed.

    `pace` is the seconds that a step takes.
    """
    path = made_up.folder(root, "models", problem, variant, repetition, "all") / "training.csv"
    lines = [
        (10 * n, 10 * n * pace, 1e-3 if n <= 6 else 2.5e-4, int(n > 6), loss, error)
        for n, error in enumerate(errors, start=1)
    ]
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([COLUMNS, *lines])
    return path


def drawn(definition, variants, trained_on, training, folder):
    folder.mkdir(exist_ok=True)
    outputs = {suffix: folder / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
    rows = [
        (problem, name, {"trained_on": trained_on.get((problem, name))})
        for problem in definition["problems"].values()
        for name in definition["variants"]
    ]
    spec = made_up.spec(definition, {problem: {} for problem, *_ in rows}, variants, rows)
    draw_figure(spec, **NONE, training=training, outputs=outputs)
    with open(outputs["csv"], newline="") as file:
        return outputs, list(csv.DictReader(file))


def written(monkeypatch):
    """Return a list that receives every text of the figure that is drawn next, and where it stands."""
    from matplotlib.text import Text

    texts = []

    def collect(figure, svg, png):
        texts.extend((text.get_text(), text.get_position()) for text in figure.findobj(Text))
        save(figure, svg, png)

    save = style.save
    monkeypatch.setattr(style, "save", collect)
    return texts


def axes_of(monkeypatch):
    """Return a list that receives every axes of the figure that is drawn next."""
    found = []
    save = style.save
    monkeypatch.setattr(style, "save", lambda figure, svg, png: (found.extend(figure.axes), save(figure, svg, png)))
    return found
