"""What a benchmark makes: which variants stand on which problems, what they learn from, and who shows them."""

from collections.abc import Iterable, Iterator
from functools import cached_property

from reconbench import catalogue
from reconbench.config.benchmark import Benchmark, LoadedStudy
from reconbench.config.models import Run
from reconbench.config.sections import ORACLE
from reconbench.config.tables_and_figures import Figure, TableSection
from reconbench.contracts import Method

Pair = tuple[str, str]
# The part of a model that is trained once for all images.
ALL = "all"


class Pairs:
    """The parts of a benchmark by name, and its pairs of problem and variant.

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

    def figure_pairs(self, figure: str) -> list[Pair]:
        """Return the pairs that a figure shows."""
        return self.shown([self.figures[figure]])

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

    def watches_truth(self, variant: str) -> bool:
        """Return whether the training of a variant notes how far its estimates are from the truth."""
        chosen = self.variants[variant]
        return self.methods[chosen.method].Params.model_validate(chosen.params).training.compare_with_truth

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
