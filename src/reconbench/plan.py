"""What a benchmark makes and where it lies: the graph of jobs, as paths.

The rules ask this plan and `specs`; neither knows of Snakemake.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property

from reconbench import catalogue
from reconbench.config.benchmark import Benchmark, LoadedStudy
from reconbench.config.models import Run
from reconbench.config.sections import ORACLE
from reconbench.config.tables_and_figures import Figure, TableSection
from reconbench.contracts import Method
from reconbench.results import labels

Pair = tuple[str, str]
# The part of a model that is trained once for all images.
ALL = "all"
# A file of the registry, as a forward model names it, and the folder that it is fetched with.
DOWNLOADED = re.compile(r"(results/downloads/[^/]+)/files/.+")


class Plan:
    """The parts of a benchmark by name, and the files of its results.

    Parameters
    ----------
    benchmark : Benchmark
    """

    def __init__(self, benchmark: Benchmark):
        self.benchmark = benchmark
        self.configuration = benchmark.configuration
        self.scale = benchmark.scale
        self.datasets = benchmark.part("datasets")
        self.problems = benchmark.part("problems")
        self.variants = benchmark.variants
        self.tables = benchmark.part("tables")
        self.figures = benchmark.part("figures")
        self.methods = benchmark.methods

    @cached_property
    def runs(self) -> dict[Pair, tuple[Run, LoadedStudy]]:
        """The run that scores each pair of problem and variant, and its study."""
        return {
            (problem, variant): (run, loaded)
            for loaded in self.benchmark.studies
            for run in loaded.study.runs.values()
            for problem in run.problems
            for variant in run.variants
        }

    @property
    def keeps_estimates(self) -> bool:
        """Whether estimates stay on disk after they are scored."""
        choice = self.configuration.keep_estimates
        return self.scale != "paper" if choice == "auto" else choice

    def gpus(self, variant: str) -> int:
        """Return the number of GPUs that a job of a variant asks for."""
        chosen = self.variants[variant]
        return self._record(variant).gpu if chosen.gpu is None else chosen.gpu

    def time_limit(self, problem: str, variant: str) -> float:
        """Return the seconds that a job may take where failures are recorded, 0 for no limit."""
        _, loaded = self.runs.get((problem, variant)) or (None, self._study_with(variant))
        return (loaded.study.time_limit if loaded else None) or self.configuration.time_limit or 0

    def _study_with(self, variant: str) -> LoadedStudy | None:
        """Return the study that defines or runs a variant; what is only trained stands in no run of its own."""
        for loaded in self.benchmark.studies:
            if variant in loaded.study.variants or any(variant in run.variants for run in loaded.study.runs.values()):
                return loaded
        return None

    def study_of(self, part: str, name: str) -> LoadedStudy:
        """Return the study that defines a table or a figure."""
        return next(loaded for loaded in self.benchmark.studies if name in getattr(loaded.study, part))

    # Pairs of problem and variant

    def parts(self, problem: str, variant: str) -> Iterator[str]:
        """Give `<repetition>/<shard>` of every part of a pair's results; nothing where it is not scored."""
        if (problem, variant) not in self.runs:
            return
        run, _ = self.runs[problem, variant]
        for repetition in range(1, (run.repetitions if self.is_trained(variant) else 1) + 1):
            for shard in range(1, run.shards + 1):
                yield f"{repetition}/{shard:03d}-of-{run.shards:03d}"

    def shown(self, sections: Iterable[TableSection | Figure]) -> list[Pair]:
        """Return the pairs that a table or a figure shows, each once."""
        return list(dict.fromkeys(pair for section in sections for pair in section.pairs))

    def table_pairs(self, table: str) -> list[Pair]:
        """Return the pairs that a table shows."""
        return self.shown(self.tables[table].sections)

    def table_measurements(self, table: str) -> list[str]:
        """Return the indexes of what a table shows, where it needs to know how many frames an image has."""
        if not set(self.tables[table].metrics).isdisjoint(labels.FRAME_COLUMNS):
            return self.indexes(self.table_pairs(table), "measurements")
        return []

    def figure_pairs(self, figure: str) -> list[Pair]:
        """Return the pairs that a figure shows."""
        return self.shown([self.figures[figure]])

    def figure_files(self, figure: str, what: str) -> list[str]:
        """Return the files of what a figure reads, nothing of what its kind does not read."""
        kind = catalogue.figure_kinds()[self.figures[figure].kind]
        if what not in kind.FIGURE.reads:
            return []
        pairs = self.figure_pairs(figure)
        match what:
            case "truths":
                return self.indexes(pairs, "data")
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

    @property
    def videos(self) -> list[str]:
        """The figures that move."""
        kinds = catalogue.figure_kinds()
        return [name for name, figure in self.figures.items() if kinds[figure.kind].FIGURE.animated]

    @property
    def drawings(self) -> list[str]:
        """The figures that do not."""
        videos = self.videos
        return [name for name in self.figures if name not in videos]

    def figure_suffixes(self, figure: str) -> tuple[str, str, str]:
        """Return the formats in which a figure is written."""
        return ("webp" if figure in self.videos else "svg", "png", "csv")

    @property
    def timed_figures(self) -> list[str]:
        """The figures for which something is timed."""
        kinds = catalogue.figure_kinds()
        return [name for name, figure in self.figures.items() if "timings" in kinds[figure.kind].FIGURE.reads]

    def figure_gpus(self, figure: str) -> int:
        """Return the number of GPUs that the timing of a figure asks for."""
        chosen = self.figures[figure]
        return catalogue.figure_kinds()[chosen.kind].Params.model_validate(chosen.params).gpu

    @property
    def trained_variants(self) -> list[str]:
        """The variants of methods that learn."""
        return [name for name in self.variants if self.is_trained(name)]

    def is_timed(self, variant: str) -> bool:
        """Return whether times of a variant are published, so that its jobs run alone."""
        return any(run.timed for (_, name), (run, _) in self.runs.items() if name == variant)

    @property
    def tuned_variants(self) -> list[str]:
        """The variants whose parameters are searched."""
        return [name for name, variant in self.variants.items() if variant.tune is not None]

    def is_trained(self, variant: str) -> bool:
        """Return whether a variant is of a method that learns."""
        return variant != ORACLE and self._record(variant).trained_on is not None

    def is_trained_on_measurement(self, variant: str) -> bool:
        """Return whether a variant trains one network for each image that it restores."""
        return self.is_trained(variant) and self._record(variant).trained_on == "measurement"

    def _record(self, variant: str) -> Method:
        return self.methods[self.variants[variant].method].METHOD

    def trained_on(self, problem: str, variant: str) -> str | None:
        """Return the problem on which a variant is trained, None for one that does not learn."""
        if self.is_trained_on_measurement(variant):
            return problem
        return self._learns_on(problem, variant) if self.is_trained(variant) else None

    def tuned_on(self, problem: str, variant: str) -> str | None:
        """Return the problem on whose validation split a variant is tuned, None for one with fixed parameters."""
        if variant == ORACLE or self.variants[variant].tune is None:
            return None
        return self._learns_on(problem, variant)

    def _learns_on(self, problem: str, variant: str) -> str:
        return self.variants[variant].learns_on(problem, self.problems[problem])

    # Files

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

    def watches_truth(self, variant: str) -> bool:
        """Return whether the training of a variant notes how far its estimates are from the truth."""
        chosen = self.variants[variant]
        return self.methods[chosen.method].Params.model_validate(chosen.params).training.compare_with_truth

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

    def _trainings(self, problem: str, variant: str) -> Iterator[tuple[str, str]]:
        """Give repetition and part of every training of a pair."""
        if self.is_trained_on_measurement(variant):
            yield from (tuple(part.split("/")) for part in self.parts(problem, variant))
        else:
            yield from ((str(number), ALL) for number in range(1, self._repetitions(problem, variant) + 1))

    def _repetitions(self, problem: str, variant: str) -> int:
        """Return how often a variant is trained; once where it is only trained and not scored."""
        run = self.runs.get((problem, variant))
        return run[0].repetitions if run else 1

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

    def published(self, table: str) -> list[str]:
        """Return the file of published numbers of a table, nothing where it has none."""
        chosen = self.tables[table].published
        if chosen is None:
            return []
        # Against the working directory, so that a checkout can be moved and its tables stay as they are.
        return [os.path.relpath(self.study_of("tables", table).folder / "published" / chosen)]

    def indexes(self, pairs: Sequence[Pair], step: str) -> list[str]:
        """Return the index of the test truths (`data`) or measurements of every problem of some pairs, in order."""
        problems = dict.fromkeys(problem for problem, _ in pairs)
        if step == "data":
            return [file for problem in problems for file in self.truth(problem, "test")]
        return [self.index(step, problem, "test") for problem in problems]

    def targets(self) -> list[str]:
        """Return everything that a plain call makes."""
        tables = [f"results/tables/{name}.{suffix}" for name in self.tables for suffix in ("csv", "md", "tex", "html")]
        figures = [f"results/figures/{name}.{suffix}" for name in self.figures for suffix in self.figure_suffixes(name)]
        return [*tables, *figures, "results/report/index.html"]
