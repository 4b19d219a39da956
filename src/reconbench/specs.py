"""What each job is told: one JSON object, and the digest of the code that it runs."""

import json
from collections.abc import Iterable
from pathlib import Path
from types import ModuleType
from typing import Any

from reconbench import catalogue
from reconbench.config.checks import validated
from reconbench.config.models import Reference, Run
from reconbench.config.sections import ORACLE
from reconbench.config.tables_and_figures import Figure, Table
from reconbench.digest import digest
from reconbench.pairs import Pair
from reconbench.plan import Plan


class Specs:
    """The specs and code digests of a plan's jobs.

    Every pair of methods here belongs to one rule: `restore` is its spec, `restore_code` its digest.

    Parameters
    ----------
    plan : Plan
    home : Path
        The checkout, which holds ``workflow/scripts``.
    """

    def __init__(self, plan: Plan, home: Path):
        self.plan = plan
        self.home = home

    def code(self, step: str, *modules: ModuleType) -> str:
        """Return the digest of a step's script, of the files its spec names and of all that these import."""
        script = self.home / "workflow" / "scripts" / f"{step}.py"
        also = [name for module in modules for name in getattr(getattr(module, "METHOD", None), "also", ())]
        return digest([script, *(Path(module.__file__) for module in modules)], also)

    def fetch(self, dataset: str) -> str:
        """Return the spec of fetching a dataset of the registry."""
        return _text({"dataset": dataset})

    def prepare(self, dataset: str, split: str) -> str:
        """Return the spec of preparing a split of a dataset."""
        definition = self.plan.datasets[dataset].model_dump(mode="json")
        return _text({"dataset": dataset, "split": split, "definition": definition, "seed": self._seed})

    def prepare_code(self, dataset: str) -> str:
        """Return the digest of preparing a dataset."""
        chosen = self.plan.datasets[dataset]
        return self.code("prepare", *([catalogue.get_simulator(chosen.name)] if chosen.source == "simulated" else []))

    def measure(self, problem: str, split: str) -> str:
        """Return the spec of measuring a split of a problem."""
        return _text({"problem": problem, "split": split, "seed": self._seed, **self._instrument(problem)})

    def measure_code(self, problem: str) -> str:
        """Return the digest of measuring a problem."""
        return self.code("measure", *self._instrument_files(problem))

    def tune(self, problem: str, variant: str) -> str:
        """Return the spec of tuning a variant on a problem's validation split."""
        tuning = self.plan.variants[variant].tune
        own_grid = self._method(variant).METHOD.grid
        return _text(
            {
                **self._restorer(problem, variant),
                "grid": tuning.grid or {key: list(values) for key, values in own_grid.items()},
                "metric": {"name": tuning.metric, "params": self._deciding(problem, variant)},
                "target": self.plan.problems[problem].target,
            }
        )

    def tune_code(self, problem: str, variant: str) -> str:
        """Return the digest of tuning a variant."""
        metric = catalogue.get_metric(self.plan.variants[variant].tune.metric)
        return self.code("tune", self._method(variant), metric, *self._instrument_files(problem))

    def train(self, problem: str, variant: str, repetition: str, part: str) -> str:
        """Return the spec of training a variant: on a problem's training split, or on a shard of its test split."""
        start = self.plan.variants[variant].start_from
        return _text(
            {
                **self._restorer(problem, variant),
                "part": part,
                "repetition": repetition,
                "seed": self._seed,
                "start_from": start.model_dump(mode="json") if start else None,
                "target": self.plan.problems[problem].target,
            }
        )

    def train_code(self, problem: str, variant: str) -> str:
        """Return the digest of training a variant."""
        return self.code("train", self._method(variant), *self._instrument_files(problem))

    def restore(self, problem: str, variant: str, repetition: str, shard: str) -> str:
        """Return the spec of restoring a shard of the test split."""
        return _text({**self._restorer(problem, variant), "repetition": repetition, "shard": shard})

    def restore_code(self, problem: str, variant: str) -> str:
        """Return the digest of restoring with a variant."""
        return self.code("restore", self._method(variant), *self._instrument_files(problem))

    def score(self, problem: str, variant: str, repetition: str, shard: str) -> str:
        """Return the spec of scoring a shard."""
        run, _ = self.plan.runs[problem, variant]
        return _text(
            {
                "problem": problem,
                "variant": variant,
                "repetition": repetition,
                "shard": shard,
                "metrics": _metrics(run),
                "target": self.plan.problems[problem].target,
                "examples": run.examples,
            }
        )

    def score_code(self, problem: str, variant: str) -> str:
        """Return the digest of scoring with the metrics of a pair's run."""
        return self.code("score", *map(catalogue.get_metric, self.plan.runs[problem, variant][0].metrics))

    def table(self, name: str) -> str:
        """Return the spec of a table."""
        return self._shown("tables", name, self.plan.tables[name], self.plan.table_pairs(name))

    def table_code(self, name: str) -> str:
        """Return the digest of a table."""
        pairs = self.plan.table_pairs(name)
        noted = self._noted(dict.fromkeys(problem for problem, _ in pairs))
        return self.code("table", *self._titled(pairs), *noted)

    def figure(self, name: str) -> str:
        """Return the spec of a figure."""
        return self._shown("figures", name, self.plan.figures[name], self.plan.figure_pairs(name))

    def figure_code(self, name: str) -> str:
        """Return the digest of a figure."""
        kind = catalogue.figure_kinds()[self.plan.figures[name].kind]
        return self.code("figure", kind, *self._titled(self.plan.figure_pairs(name)))

    def time(self, figure: str) -> str:
        """Return the spec of the timing that a figure draws."""
        chosen = self.plan.figures[figure]
        return _text({"figure": figure, **validated(catalogue.figure_kinds()[chosen.kind], chosen.params)})

    def report(self) -> str:
        """Return the spec of the report."""
        studies = [
            {
                "name": loaded.name,
                "title": loaded.study.title or loaded.name,
                "reference": loaded.study.reference,
                "tables": list(loaded.study.tables),
                "figures": list(loaded.study.figures),
            }
            for loaded in self.plan.benchmark.studies
            if loaded.study.tables or loaded.study.figures
        ]
        return _text({"scale": self.plan.scale, "seed": self._seed, "studies": studies})

    # What specs are made of

    @property
    def _seed(self) -> int:
        return self.plan.configuration.seed

    def _method(self, variant: str) -> ModuleType:
        return self.plan.methods[self.plan.variants[variant].method]

    def _restorer(self, problem: str, variant: str) -> dict[str, Any]:
        return {
            "problem": problem,
            "variant": variant,
            "method": self._method_reference(variant),
            "params": validated(self._method(variant), self.plan.variants[variant].params),
            "kind": self.plan.problems[problem].kind,
            **self._instrument(problem),
        }

    def _method_reference(self, variant: str) -> dict[str, Any]:
        name = self.plan.variants[variant].method
        return {"name": name, "file": catalogue.file_in(name, self.plan.configuration.method_folders)}

    def _instrument(self, problem: str) -> dict[str, Any]:
        chosen = self.plan.problems[problem]
        return {
            "forward": _reference(chosen.forward, catalogue.get_forward_model),
            "noise": _reference(chosen.noise, catalogue.get_noise),
        }

    def _instrument_files(self, problem: str) -> list[ModuleType]:
        chosen = self.plan.problems[problem]
        forward = [catalogue.get_forward_model(chosen.forward.name)] if chosen.forward else []
        return forward + ([catalogue.get_noise(chosen.noise.name)] if chosen.noise else [])

    def _deciding(self, problem: str, variant: str) -> dict[str, Any]:
        """Return the parameters of the metric that tuning goes by: those of the run, where it computes that metric."""
        metric = self.plan.variants[variant].tune.metric
        run = self.plan.runs.get((problem, variant))
        return validated(catalogue.get_metric(metric), run[0].metrics.get(metric, {}) if run else {})

    def _titled(self, pairs: Iterable[Pair]) -> list[ModuleType]:
        """Return the files whose records a table or a figure reads titles from."""
        methods = {self.plan.variants[variant].method for _, variant in pairs if variant != ORACLE}
        metrics = {metric for pair in pairs if pair in self.plan.runs for metric in self.plan.runs[pair][0].metrics}
        return [self.plan.methods[name] for name in sorted(methods)] + [
            catalogue.get_metric(name) for name in sorted(metrics)
        ]

    def _shown(self, part: str, name: str, chosen: Table | Figure, pairs: list[Pair]) -> str:
        loaded = self.plan.study_of(part, name)
        trained_on = (self.plan.trained_on(*pair) for pair in pairs)
        problems = dict.fromkeys([*(problem for problem, _ in pairs), *(problem for problem in trained_on if problem)])
        variants = dict.fromkeys(variant for _, variant in pairs if variant != ORACLE)
        return _text(
            {
                "name": name,
                "scale": self.plan.scale,
                "seed": self._seed,
                "study": {"name": loaded.name, "title": loaded.study.title, "reference": loaded.study.reference},
                "definition": chosen.model_dump(mode="json"),
                "problems": {problem: self._shown_problem(problem) for problem in problems},
                "variants": {variant: self._shown_variant(variant) for variant in variants},
                "rows": [
                    {
                        "problem": problem,
                        "variant": variant,
                        "parts": len(list(self.plan.parts(problem, variant))) if scored else 0,
                        "timed": scored is not None and scored[0].timed,
                        "metrics": _metrics(scored[0]) if scored else {},
                        "tuned_on": self.plan.tuned_on(problem, variant),
                        "trained_on": self.plan.trained_on(problem, variant),
                        "one_network_an_image": self.plan.is_trained_on_measurement(variant),
                    }
                    for problem, variant in pairs
                    for scored in [self.plan.runs.get((problem, variant))]
                ],
            },
            in_order=True,
        )

    def _shown_problem(self, problem: str) -> dict[str, Any]:
        chosen = self.plan.problems[problem]
        return {
            "title": chosen.title or problem,
            "kind": chosen.kind,
            "reading": chosen.reading,
            "dataset": chosen.dataset or chosen.measured,
            "has_truth": chosen.dataset is not None,
            "target": chosen.target,
            # Only where something is said of it: what else it is changes no table.
            **(self._instrument(problem) if self._noted([problem]) else {}),
        }

    def _noted(self, problems: Iterable[str]) -> list[ModuleType]:
        """Return the files of the forward models of problems that have something to say under a table."""
        references = [self.plan.problems[problem].forward for problem in problems]
        names = dict.fromkeys(reference.name for reference in references if reference)
        return [module for name in names if hasattr(module := catalogue.get_forward_model(name), "note")]

    def _shown_variant(self, variant: str) -> dict[str, Any]:
        chosen = self.plan.variants[variant]
        return {
            "method": self._method_reference(variant),
            "title": chosen.title,
            "params": validated(self._method(variant), chosen.params),
            "tuned": chosen.tune is not None,
        }


def _reference(reference: Reference | None, get: Any) -> dict[str, Any] | None:
    if reference is None:
        return None
    return {"name": reference.name, "params": validated(get(reference.name), reference.params)}


def _metrics(run: Run) -> dict[str, dict[str, Any]]:
    return {name: validated(catalogue.get_metric(name), given) for name, given in run.metrics.items()}


def _text(spec: dict[str, Any], in_order: bool = False) -> str:
    """Return a spec as JSON: a parameter of a rule, which changes only when its meaning does.

    Keys are sorted, except where their order means something: that of a table's columns.
    """
    return json.dumps(spec, sort_keys=not in_order, ensure_ascii=False)
