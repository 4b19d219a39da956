"""From config.yaml and the studies to one checked benchmark; every fault in one message."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from reconbench.config.benchmark import Benchmark, LoadedStudy
from reconbench.config.checks import check
from reconbench.config.messages import faults, nearest
from reconbench.config.models import Configuration, Run, Study, StudyFile
from reconbench.config.sources import Layers, Placed, Source, merged
from reconbench.config.tables_and_figures import Figure, Table, TableSection
from reconbench.errors import ConfigurationError


def load(raw: Mapping[str, Any], home: Path, files: Sequence[Path] = ()) -> Benchmark:
    """Read and check a configuration with the studies it names.

    Parameters
    ----------
    raw : mapping
        The configuration as Snakemake holds it: config.yaml with the command line over it.
    home : Path
        The checkout, which holds ``workflow/studies``.
    files : sequence of Path, optional
        Where `raw` was read from, so that a fault can name its file and line: each is laid over those before it, and
        all over the checkout's own config.yaml.

    Returns
    -------
    Benchmark

    Raises
    ------
    ConfigurationError
        All faults in one message: place, what was expected, the nearest valid name.
    """
    found: list[str] = []
    shipped = home / "config.yaml"
    layers = sorted(files, key=lambda file: file != shipped)
    source = Layers({file.name if file == shipped else str(file): file for file in layers}, dict(raw))
    found += source.duplicates
    configuration = _validated(Configuration, source, found)
    if configuration is None:
        raise ConfigurationError(found)
    studies = [_read_study(name, configuration.scale, home, found) for name in configuration.studies]
    # Last, so that a dataset of config.yaml takes the place of a study's of the same name.
    studies.append(_own_study(configuration, source))
    loaded = tuple(study for study in studies if study is not None)
    benchmark = _without(Benchmark(configuration, loaded), set(configuration.leave_out))
    found += check(benchmark)
    if found:
        raise ConfigurationError(list(dict.fromkeys(found)))
    return benchmark


def _own_study(configuration: Configuration, source: Layers) -> LoadedStudy:
    own = Study(**{key: getattr(configuration, key) for key in Study.model_fields})
    return LoadedStudy("config.yaml", own, source, Path())


def _read_study(name: str, scale: str, home: Path, found: list[str]) -> LoadedStudy | None:
    folder = home / "workflow" / "studies"
    is_path = name.endswith((".yaml", ".yml"))
    path = Path(name) if is_path else folder / f"{name}.yaml"
    if not path.is_file():
        shipped = [file.stem for file in folder.glob("*.yaml")]
        hint = "; there is no such file" if is_path else nearest(name, shipped)
        found.append(f"config.yaml, studies: there is no study '{name}'{hint}")
        return None
    try:
        source = Source(path, path.name)
    except ConfigurationError as error:
        found += error.faults
        return None
    found += source.duplicates
    # The file as it stands first, so that a fault in another scale's keys is found as well.
    if _validated(StudyFile, source, found) is None:
        return None
    scales = source.data.get("scales") or {}
    at_scale = merged({k: v for k, v in source.data.items() if k != "scales"}, scales.get(scale) or {})
    study = _validated(Study, source, found, at_scale, scale)
    return None if study is None else LoadedStudy(path.stem, study, source, path.parent)


def _without(benchmark: Benchmark, methods: set[str]) -> Benchmark:
    """Return a benchmark whose runs, tables and figures lack the variants of some methods."""
    if not methods:
        return benchmark
    gone = {name for name, variant in benchmark.variants.items() if variant.method in methods}

    def left(names: list[str]) -> list[str]:
        return [name for name in names if name not in gone]

    def left_by_heading(lists: Mapping[str, list[str]]) -> dict[str, list[str]]:
        return {heading: kept for heading, names in lists.items() if (kept := left(names))}

    def kept_run(run: Run) -> Run:
        return run.model_copy(update={"variants": left(run.variants)})

    def kept_section(section: TableSection) -> TableSection:
        update = {"variants": left(section.variants), "oracle_stopped": left(section.oracle_stopped)}
        return section.model_copy(update=update)

    def kept_table(table: Table) -> Table:
        sections = [section for section in map(kept_section, table.sections) if section.variants]
        return table.model_copy(update={"sections": sections})

    def kept_figure(figure: Figure) -> Figure:
        """Return a figure that lacks them in its groups and under its headings too, where it has any."""
        update: dict[str, Any] = {}
        if "groups" in figure.params:
            update["params"] = {**figure.params, "groups": left_by_heading(figure.params["groups"])}
        if figure.own_variants is None:
            return figure.model_copy(update={**update, "variants": left(figure.variants)})
        variants = left_by_heading(figure.own_variants)
        empty = figure.own_variants.keys() - variants
        problems = {heading: problem for heading, problem in figure.problems.items() if heading not in empty}
        return figure.model_copy(update={**update, "variants": variants, "problems": problems})

    def kept(study: Study) -> Study:
        """Return a study without what would be empty."""
        runs = {name: kept_run(run) for name, run in study.runs.items()}
        tables = {name: kept_table(table) for name, table in study.tables.items()}
        figures = {name: kept_figure(figure) for name, figure in study.figures.items()}
        update = {
            "runs": {name: run for name, run in runs.items() if run.variants},
            "tables": {name: table for name, table in tables.items() if table.sections},
            "figures": {
                name: figure for name, figure in figures.items() if figure.variants or not study.figures[name].variants
            },
        }
        return study.model_copy(update=update)

    studies = tuple(replace(loaded, study=kept(loaded.study)) for loaded in benchmark.studies)
    return replace(benchmark, studies=studies)


def _validated(model: type, source: Placed, found: list[str], data: Any = None, scale: str | None = None) -> Any:
    try:
        return model.model_validate(source.data if data is None else data)
    except ValidationError as error:
        found += [f"{source.place(location, scale)}: {sentence}" for location, sentence in faults(error, model)]
        return None
