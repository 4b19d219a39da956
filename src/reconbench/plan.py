"""Where everything that a benchmark makes lies: the graph of jobs, as paths.

The rules ask this plan and `specs`; neither knows of Snakemake.
"""

import os
import re
from collections.abc import Sequence

from reconbench import catalogue
from reconbench.config.sections import ORACLE
from reconbench.datasets.splits import own_files
from reconbench.pairs import ALL, Pair, Pairs
from reconbench.results import labels

# A file of the registry, as a forward model names it, and the folder that it is fetched with.
DOWNLOADED = re.compile(r"(results/downloads/[^/]+)/files/.+")


class Plan(Pairs):
    """The pairs of a benchmark and the files of its results."""

    def index(self, step: str, name: str, split: str) -> str:
        """Return the index of a split of a dataset (`data`) or of a problem (`measurements`)."""
        return f"results/{self.scale}/{step}/{name}/{split}/index.csv"

    def truth(self, problem: str, split: str) -> list[str]:
        """Return the index of a problem's truths, nothing where it has none."""
        dataset = self.problems[problem].dataset
        if dataset and split == "validation":
            dataset = self.datasets[dataset].validation or dataset
        return [self.index("data", dataset, split)] if dataset else []

    def measured(self, problem: str, split: str) -> list[str]:
        """Return the index of a problem's measured images, nothing where they are simulated."""
        dataset = self.problems[problem].measured
        return [self.index("data", dataset, split)] if dataset else []

    def instrument_files(self, problem: str) -> list[str]:
        """Return the files that a problem's forward model reads, a measured point-spread function for instance.

        For a file of the registry stands the index of the dataset that it is fetched with.
        """
        reference = self.problems[problem].forward
        module = None if reference is None else catalogue.get_forward_model(reference.name)
        if not hasattr(module, "files"):
            return []
        files = module.files(module.Params.model_validate(reference.params))
        return [DOWNLOADED.sub(r"\1/index.csv", file) for file in files]

    def downloads(self, dataset: str, name: str) -> list[str]:
        """Return a file or folder of the registry's files that a dataset is made of, nothing for other sources."""
        chosen = self.datasets[dataset]
        return [f"results/downloads/{chosen.name}/{name}"] if chosen.source == "registry" else []

    def own_files(self, dataset: str) -> list[str]:
        """Return the files of a folder that a dataset is made of, nothing for other sources."""
        return [str(file) for file in own_files(self.datasets[dataset].model_dump())]

    def estimate(self, problem: str, variant: str, part: str, name: str) -> list[str]:
        """Return a file of one part of a variant's estimates; the control `oracle` has none."""
        if (problem, variant) not in self.runs:
            return self._not_run(problem, variant)
        return [] if variant == ORACLE else [f"results/{self.scale}/estimates/{problem}/{variant}/{part}/{name}"]

    def tuned(self, problem: str, variant: str, name: str) -> list[str]:
        """Return a file of a variant's tuning, nothing for one with fixed parameters."""
        if (problem, variant) not in self.runs:
            return self._not_run(problem, variant)
        on = self.tuned_on(problem, variant)
        return [f"{self._models(on, variant, '1', ALL)}/{name}"] if on else []

    def model(self, problem: str, variant: str, repetition: str, shard: str, name: str) -> list[str]:
        """Return a file of the training that a shard is restored by, nothing for a variant that does not learn."""
        if (problem, variant) not in self.runs:
            return self._not_run(problem, variant)
        on = self.trained_on(problem, variant)
        part = shard if self.is_trained_on_measurement(variant) else ALL
        return [f"{self._models(on, variant, repetition, part)}/{name}"] if on else []

    def learned_from(self, problem: str, variant: str, part: str) -> dict[str, list[str]]:
        """Return the indexes of what a variant is trained on: truths of two splits, or the measurement itself.

        Where images are measured ones, those of the truths' splits are there too. The truth of the one measurement is
        there only where training.csv is to say how far the estimates are from it.
        """
        if not self.is_trained_on_measurement(variant):
            besides = [self.index("data", dataset, "train") for dataset in self.problems[problem].train_with]
            return {
                "training": [*self.truth(problem, "train"), *besides],
                "validation": self.truth(problem, "validation"),
                "training_measured": self.measured(problem, "train"),
                "validation_measured": self.measured(problem, "validation"),
            }
        if (problem, variant) not in self.runs or part == ALL:
            return {"measurement": self._not_run(problem, variant)}
        watched = self.watches_truth(variant)
        return {
            "measurement": [self.index("measurements", problem, "test")],
            "truth": self.truth(problem, "test") if watched else [],
        }

    def started_from(self, variant: str, repetition: str, name: str) -> list[str]:
        """Return a file of the training that another starts from, nothing where weights are drawn."""
        start = self.variants[variant].start_from
        return [f"{self._models(start.problem, start.variant, repetition, ALL)}/{name}"] if start else []

    def trainings(self, pairs: Sequence[Pair], name: str) -> list[str]:
        """Return a file of every training of every pair that learns, in order."""
        return [
            f"{self._models(on, variant, repetition, part)}/{name}"
            for problem, variant in pairs
            if (on := self.trained_on(problem, variant))
            for repetition, part in self._trainings(problem, variant)
        ]

    def _models(self, problem: str, variant: str, repetition: str, part: str) -> str:
        return f"results/{self.scale}/models/{problem}/{variant}/{repetition}/{part}"

    @staticmethod
    def _not_run(problem: str, variant: str) -> list[str]:
        """Return a sentence for Snakemake to report as the missing input: an error raised here would be a traceback."""
        return [f"(no run of the studies has variant '{variant}' on problem '{problem}')"]

    def scores(self, pairs: Sequence[Pair], name: str = "scores.csv") -> list[str]:
        """Return a file of the scores of every part of every pair, in order."""
        return [
            f"results/{self.scale}/scores/{problem}/{variant}/{part}/{name}"
            for problem, variant in pairs
            for part in self.parts(problem, variant)
        ]

    def estimates(self, pairs: Sequence[Pair], name: str = "run.json") -> list[str]:
        """Return a file of the estimates of every part of every pair, in order."""
        return [file for pair in pairs for part in self.parts(*pair) for file in self.estimate(*pair, part, name)]

    def tunings(self, pairs: Sequence[Pair], name: str = "params.json") -> list[str]:
        """Return a file of the tuning of every tuned pair, in order."""
        return [file for pair in pairs if pair in self.runs for file in self.tuned(*pair, name)]

    def table_measurements(self, table: str) -> list[str]:
        """Return the indexes of what a table shows, where it needs to know how many frames an image has."""
        if not set(self.tables[table].metrics).isdisjoint(labels.FRAME_COLUMNS):
            return self.indexes(self.table_pairs(table), "measurements")
        return []

    def figure_files(self, figure: str, what: str) -> list[str]:
        """Return the files of what a figure reads, nothing of what its kind does not read."""
        kind = catalogue.figure_kinds()[self.figures[figure].kind]
        if what not in kind.FIGURE.reads:
            return []
        pairs = self.figure_pairs(figure)
        match what:
            case "truths":
                return self.indexes(pairs, "data", kind.FIGURE.truths_of)
            case "measurements":
                return self.indexes(pairs, "measurements")
            case "training":
                return self.trainings(pairs, "training.csv")
            case "models":
                return self.trainings(pairs, "weights.pt")
            case "runs":
                return self.estimates(pairs)
            case "timings":
                return [f"results/{self.scale}/timings/{figure}/{name}" for name in ("timings.csv", "run.json")]
        return self.scores(pairs, f"{what}.csv")

    def published(self, table: str) -> list[str]:
        """Return the file of published numbers of a table, nothing where it has none."""
        chosen = self.tables[table].published
        if chosen is None:
            return []
        # Against the working directory, so that a checkout can be moved and its tables stay as they are.
        return [os.path.relpath(self.study_of("tables", table).folder / "published" / chosen)]

    def indexes(self, pairs: Sequence[Pair], step: str, split: str = "test") -> list[str]:
        """Return the index of the truths (`data`) or measurements of every problem of some pairs, in order."""
        problems = dict.fromkeys(problem for problem, _ in pairs)
        if step == "data":
            return [file for problem in problems for file in self.truth(problem, split)]
        return [self.index(step, problem, split) for problem in problems]

    def targets(self) -> list[str]:
        """Return everything that a plain call makes."""
        tables = [f"results/tables/{name}.{suffix}" for name in self.tables for suffix in ("csv", "md", "tex", "html")]
        figures = [f"results/figures/{name}.{suffix}" for name in self.figures for suffix in self.figure_suffixes(name)]
        return [*tables, *figures, "results/report/index.html"]
