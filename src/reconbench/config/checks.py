"""Checks across a configuration: every name leads somewhere, every parameter is one that its file knows."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from reconbench import catalogue
from reconbench.config import files, learning, series, showing
from reconbench.config.benchmark import Benchmark, LoadedStudy
from reconbench.config.datasets import Dataset
from reconbench.config.messages import faults, nearest, unknown
from reconbench.config.models import ProblemDefinition, Run, Variant
from reconbench.config.sections import ORACLE
from reconbench.config.sources import Fault, Location
from reconbench.config.tables_and_figures import Figure, Table
from reconbench.datasets.registry import registry
from reconbench.datasets.splits import SPLITS, check_splits, number_of_images
from reconbench.errors import UserError
from reconbench.results.labels import TIME_COLUMNS, TRAINING_COLUMNS


def check(benchmark: Benchmark) -> list[str]:
    """Return a sentence with its place for every fault."""
    try:
        checks = Checks(benchmark)
    except UserError as error:
        # A folder of methods that cannot be read leaves no list to hold the rest against.
        return [f"config.yaml, method_folders: {error}"]
    found = [
        f"{loaded.source.place(location, benchmark.scale)}: {sentence}"
        for loaded in benchmark.studies
        for location, sentence in checks.of_study(loaded)
    ]
    return found + list(checks.of_all())


class Checks:
    """The checks of one benchmark, with the names that are valid in it."""

    def __init__(self, benchmark: Benchmark):
        self.benchmark = benchmark
        self.methods = benchmark.methods
        self.datasets: Mapping[str, Dataset] = benchmark.part("datasets")
        self.problems: Mapping[str, ProblemDefinition] = benchmark.part("problems")
        self.variants: Mapping[str, Variant] = benchmark.variants
        self.runs: list[Run] = [run for loaded in benchmark.studies for run in loaded.study.runs.values()]
        self.counted: dict[tuple[int, str], int | None] = {}

    def of_study(self, loaded: LoadedStudy) -> Iterator[Fault]:
        """Find the faults inside one study."""
        study = loaded.study
        for name, dataset in study.datasets.items():
            yield from self.of_dataset(("datasets", name), dataset)
        for name, problem in study.problems.items():
            yield from self.of_problem(("problems", name), problem)
        for name, variant in study.variants.items():
            yield from self.of_variant(("variants", name), name, variant)
        for name, run in study.runs.items():
            yield from self.of_run(("runs", name), run)
        for name, table in study.tables.items():
            yield from self.of_table(("tables", name), table, loaded.folder)
        for name, figure in study.figures.items():
            yield from self.of_figure(("figures", name), figure)

    def of_all(self) -> Iterator[str]:
        """Find the faults that lie between studies and runs."""
        for name in self.benchmark.configuration.leave_out:
            if name not in self.methods:
                yield f"config.yaml, leave_out: {unknown('method', name, self.methods)}"
        for part in ("problems", "variants", "tables", "figures"):
            first: dict[str, tuple[str, Any]] = {}
            for loaded in self.benchmark.studies:
                for name, value in getattr(loaded.study, part).items():
                    owner, known = first.setdefault(name, (loaded.source.shown, value))
                    if known != value:
                        yield f"{loaded.source.place((part, name))}: '{name}' is something else in {owner}; rename one"
        seen: dict[tuple[str, str], str] = {}
        for loaded in self.benchmark.studies:
            for name, run in loaded.study.runs.items():
                place = loaded.source.place(("runs", name))
                for pair in ((problem, variant) for problem in run.problems for variant in run.variants):
                    if pair in seen:
                        yield f"{place}: variant '{pair[1]}' on problem '{pair[0]}' stands in {seen[pair]} already"
                    seen.setdefault(pair, f"run '{name}'")

    def of_dataset(self, at: Location, dataset: Dataset) -> Iterator[Fault]:
        """Find what a dataset lacks for its source."""
        match dataset.source:
            case "registry" if dataset.name not in registry():
                yield (*at, "name"), unknown("dataset of the registry named", dataset.name, registry())
                return
            case "folder" if not dataset.path:
                yield at, "a dataset from a folder needs its `path`"
                return
            case "simulated":
                simulators = catalogue.simulators()
                if dataset.name not in simulators:
                    yield (*at, "name"), unknown("simulator", dataset.name, simulators)
                    return
                if dataset.size is None:
                    yield at, "simulated images need their `size`, for instance [128, 128]"
                yield from self.of_parameters(
                    (*at, "parameters"), catalogue.get_simulator(dataset.name), dataset.parameters
                )
        yield from series.of_series((*at, "series"), dataset)
        yield from files.of_files(at, dataset)
        if dataset.validation is not None:
            if dataset.validation not in self.datasets:
                yield (*at, "validation"), unknown("dataset", dataset.validation, self.datasets)
            elif dataset.splits.get("validation"):
                yield (*at, "validation"), "this dataset has validation images of its own; leave one of the two out"
        try:
            check_splits(dataset.model_dump())
        except UserError as error:
            yield (*at, "splits"), str(error)

    def of_problem(self, at: Location, problem: ProblemDefinition) -> Iterator[Fault]:
        """Find unknown datasets, forward models and noises of a problem."""
        if problem.dataset is None and problem.measured is None:
            yield at, "a problem needs a `dataset` of truths or a `measured` one"
        for key in ("dataset", "measured"):
            name = getattr(problem, key)
            if name is not None and name not in self.datasets:
                yield (*at, key), unknown("dataset", name, self.datasets)
        for name in problem.train_with:
            if name not in self.datasets:
                yield (*at, "train_with"), unknown("dataset", name, self.datasets)
        if problem.train_with and problem.measured is not None:
            yield (
                (*at, "train_with"),
                "images of other datasets cannot be measured as these were; leave `train_with` out",
            )
        if problem.train_on is not None and problem.train_on not in self.problems:
            yield (*at, "train_on"), unknown("problem", problem.train_on, self.problems)
        if problem.measured is not None and problem.noise is not None:
            yield (*at, "noise"), "measured images have their own noise; leave `noise` out"
        if problem.forward is not None:
            known = catalogue.forward_models()
            wrong = list(self.of_reference((*at, "forward"), "forward model", problem.forward, known))
            yield from wrong
            if not wrong:
                params = known[problem.forward.name].Params.model_validate(problem.forward.params)
                yield from series.of_planes(at, problem, self.datasets.get(problem.measured or ""), params)
        if problem.noise is not None:
            yield from self.of_reference((*at, "noise"), "noise", problem.noise, catalogue.noises())

    def of_reference(self, at: Location, what: str, reference: Any, known: Mapping[str, Any]) -> Iterator[Fault]:
        """Find an unknown name or parameter of a forward model or a noise."""
        if reference.name not in known:
            yield (*at, "name"), unknown(what, reference.name, known)
        else:
            yield from self.of_parameters((*at, "params"), known[reference.name], reference.params)

    def of_parameters(self, at: Location, module: Any, params: Mapping[str, Any]) -> Iterator[Fault]:
        """Find parameters that a file's `Params` refuses."""
        try:
            module.Params.model_validate(dict(params))
        except ValidationError as error:
            yield from (((*at, *location), sentence) for location, sentence in faults(error, module.Params))

    def of_variant(self, at: Location, name: str, variant: Variant) -> Iterator[Fault]:
        """Find an unknown method, parameter or tuning of a variant."""
        if name == ORACLE:
            yield at, f"the name '{ORACLE}' is reserved for the truth itself; choose another"
        if variant.method not in self.methods:
            yield (*at, "method"), unknown("method", variant.method, self.methods)
            return
        module = self.methods[variant.method]
        yield from self.of_parameters((*at, "params"), module, variant.params)
        if variant.train_on is not None and variant.train_on not in self.problems:
            yield (*at, "train_on"), unknown("problem", variant.train_on, self.problems)
        if variant.tune is not None:
            yield from learning.of_tuning(self, (*at, "tune"), module, variant)
        if variant.start_from is not None:
            yield from learning.of_start(self, (*at, "start_from"), name, variant)

    def of_run(self, at: Location, run: Run) -> Iterator[Fault]:
        """Find unknown names of a run, methods that do not fit its problems, and shards that would be empty."""
        for name in run.problems:
            if name not in self.problems:
                yield (*at, "problems"), unknown("problem", name, self.problems)
            else:
                yield from self.of_run_problem(at, run, name)
        for name in run.variants:
            if name != ORACLE and name not in self.variants:
                yield (*at, "variants"), unknown("variant", name, [ORACLE, *self.variants])
        metrics = catalogue.metrics()
        for name, params in run.metrics.items():
            if name not in metrics:
                yield (*at, "metrics"), unknown("metric", name, metrics)
            else:
                yield from self.of_parameters((*at, "metrics", name), metrics[name], params)

    def of_run_problem(self, at: Location, run: Run, name: str) -> Iterator[Fault]:
        """Find variants that do not fit a problem, and splits that are too small."""
        problem = self.problems[name]
        for key in run.variants:
            variant = self.variants.get(key)
            method = self.methods.get(variant.method) if variant else None
            if method is None:
                continue
            if problem.kind not in method.METHOD.kinds:
                kinds = ", ".join(sorted(method.METHOD.kinds))
                sentence = f"variant '{key}' solves {kinds}, and problem '{name}' is {problem.kind}"
                yield (*at, "variants"), sentence
            on = variant.learns_on(name, problem)
            if variant.tune is not None:
                yield from learning.of_learning(self, (*at, "variants"), key, "tuned", on)
            if method.METHOD.trained_on == "truth":
                yield from learning.of_learning(self, (*at, "variants"), key, "trained", on)
            if method.METHOD.trained_on == "measurement":
                yield from learning.of_single_image(self, at, key, run, name)
        dataset = self.datasets.get(problem.measured or problem.dataset or "")
        images = self.images_of(dataset, "test")
        if images == 0:
            yield (*at, "problems"), f"the dataset of problem '{name}' has no test images"
        elif images is not None and run.shards > images:
            yield (*at, "shards"), f"{run.shards} shards are more than the {images} test images of problem '{name}'"

    def images_of(self, dataset: Dataset | None, split: str) -> int | None:
        """Return the number of images of a split; None where it cannot be known or the dataset is faulty."""
        if dataset is None or split not in SPLITS:
            return None
        if split == "validation" and dataset.validation is not None:
            return self.images_of(self.datasets.get(dataset.validation), split)
        # Many runs ask for the same, and to count may take a look into a folder.
        known = (id(dataset), split)
        if known not in self.counted:
            try:
                self.counted[known] = number_of_images(dataset.model_dump(), split)
            except UserError:
                self.counted[known] = None
        return self.counted[known]

    def scored(self, problem: str, variant: str) -> Run | None:
        """Return the run that scores a pair."""
        return next((run for run in self.runs if problem in run.problems and variant in run.variants), None)

    def of_table(self, at: Location, table: Table, folder: Path) -> Iterator[Fault]:
        """Find rows and columns of a table that no run gives."""
        for index, section in enumerate(table.sections):
            here = (*at, "sections", index)
            scored = not set(table.metrics) <= set(TRAINING_COLUMNS)
            yield from self.of_pairs(here, section.problems, section.variants, table.metrics, scored)
            yield from showing.of_section(here, section, table, folder, self.variants)
        if table.published is not None and not (folder / "published" / table.published).is_file():
            shipped = [path.name for path in (folder / "published").glob("*.csv")]
            yield (*at, "published"), unknown("file of published numbers", table.published, shipped)

    def of_figure(self, at: Location, figure: Figure) -> Iterator[Fault]:
        """Find an unknown kind, and what no run gives."""
        kinds = catalogue.figure_kinds()
        if figure.kind not in kinds:
            yield (*at, "kind"), unknown("kind of figure", figure.kind, kinds)
            return
        wrong = list(self.of_parameters((*at, "params"), kinds[figure.kind], figure.params))
        wrong += showing.of_presence(at, figure, kinds[figure.kind].FIGURE)
        wrong += showing.of_own_variants(at, figure, kinds[figure.kind].FIGURE)
        yield from wrong
        # A kind may know more of what fits its figures than single parameters tell.
        if not wrong and hasattr(kinds[figure.kind], "faults"):
            params = kinds[figure.kind].Params.model_validate(figure.params)
            yield from (((*at, "params"), fault) for fault in kinds[figure.kind].faults(figure, params))
        scored = not kinds[figure.kind].FIGURE.reads.isdisjoint({"scores", "examples", "errors"})
        for heading, problem in figure.problems.items():
            yield from self.of_pairs(at, {heading: problem}, figure.variants_of(heading), figure.metrics, scored)

    def of_pairs(
        self, at: Location, problems: Mapping[str, str], variants: list[str], metrics: Iterable[str], scored: bool
    ) -> Iterator[Fault]:
        """Find pairs of problem and variant that no run scores, and metrics that their run does not have.

        What shows nothing but training needs no run.
        """
        for name in problems.values():
            if name not in self.problems:
                yield (*at, "problems"), unknown("problem", name, self.problems)
                continue
            for variant in variants:
                if not scored:
                    yield from learning.of_trained(self, at, name, variant)
                    continue
                run = self.scored(name, variant)
                if run is None:
                    yield (
                        (*at, "variants"),
                        f"no run scores variant '{variant}' on problem '{name}'{self._hint(variant)}",
                    )
                    continue
                for metric in metrics:
                    known = [*run.metrics, *TIME_COLUMNS, *TRAINING_COLUMNS]
                    if metric not in known:
                        yield (*at, "metrics"), unknown(f"metric of the run of problem '{name}' named", metric, known)

    def _hint(self, variant: str) -> str:
        known = [ORACLE, *self.variants]
        return "" if variant in known else nearest(variant, known)


def validated(module: Any, params: Mapping[str, Any]) -> dict[str, Any]:
    """Return parameters with their defaults, as plain values for a spec."""
    model: BaseModel = module.Params.model_validate(dict(params))
    return model.model_dump(mode="json")
