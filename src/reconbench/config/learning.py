"""Checks of what a variant learns from: the search of parameters, the training, and the weights it starts from."""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from reconbench import catalogue
from reconbench.config.datasets import Dataset
from reconbench.config.messages import unknown
from reconbench.config.models import ProblemDefinition, Run, Variant
from reconbench.config.sources import Fault, Location


class Known(Protocol):
    """What there is in a configuration, and the checks that these here need."""

    methods: Mapping[str, Any]
    datasets: Mapping[str, Dataset]
    problems: Mapping[str, ProblemDefinition]
    variants: Mapping[str, Variant]

    def images_of(self, dataset: Dataset | None, split: str) -> int | None:
        """Return the number of images of a split."""
        ...

    def of_parameters(self, at: Location, module: Any, params: Mapping[str, Any]) -> Iterator[Fault]:
        """Find parameters that a file's `Params` refuses."""
        ...

    def scored(self, problem: str, variant: str) -> Run | None:
        """Return the run that scores a pair."""
        ...


def _is_of_one_image(checks: Known, variant: Variant) -> bool:
    """Whether a variant trains one network for each image."""
    method = checks.methods.get(variant.method)
    return method is not None and method.METHOD.trained_on == "measurement"


def of_start(checks: Known, at: Location, name: str, variant: Variant) -> Iterator[Fault]:
    """Find weights to start from that nothing trains, that cannot fit, or that wait for themselves."""
    start = variant.start_from
    if checks.methods[variant.method].METHOD.trained_on is None:
        yield at, f"method '{variant.method}' is not trained, so it starts from no weights; leave this out"
        return
    if start.problem not in checks.problems:
        yield (*at, "problem"), unknown("problem", start.problem, checks.problems)
    if start.variant in checks.variants and _is_of_one_image(checks, checks.variants[start.variant]):
        yield (*at, "variant"), f"variant '{start.variant}' is trained for one image at a time; start from another"
        return
    instead = "name another problem here"
    yield from of_learning(checks, (*at, "problem"), start.variant, "trained", start.problem, instead)
    if start.variant not in checks.variants:
        yield (*at, "variant"), unknown("variant", start.variant, checks.variants)
        return
    other = checks.variants[start.variant].method
    if other != variant.method:
        yield (
            (*at, "variant"),
            f"variant '{start.variant}' is of method '{other}', whose weights do not fit '{variant.method}'",
        )
    behind = [name]
    while start is not None and start.variant in checks.variants:
        if start.variant in behind:
            yield (*at, "variant"), f"'{' starts from '.join([*behind, start.variant])}', which never begins"
            return
        behind.append(start.variant)
        start = checks.variants[start.variant].start_from


def of_tuning(checks: Known, at: Location, module: Any, variant: Variant) -> Iterator[Fault]:
    """Find a metric that is unknown or a grid that the method does not have."""
    metrics = catalogue.metrics()
    if variant.tune.metric not in metrics:
        yield (*at, "metric"), unknown("metric", variant.tune.metric, metrics)
    if module.METHOD.trained_on is not None:
        yield at, f"method '{variant.method}' is trained and not tuned; make variants of it instead"
        return
    grid = variant.tune.grid or module.METHOD.grid
    if not grid:
        yield at, f"method '{variant.method}' has no grid of its own; give one, as `grid: {{parameter: [values]}}`"
    for key, values in grid.items():
        if key not in module.Params.model_fields:
            yield (*at, "grid", key), unknown(f"parameter of '{variant.method}'", key, module.Params.model_fields)
            continue
        for value in values:
            given = {**variant.params, key: value}
            yield from checks.of_parameters((*at, "grid"), module, given)


def of_learning(
    checks: Known,
    at: Location,
    variant: str,
    done: str,
    problem: str,
    instead: str = "give the variant a `train_on`",
) -> Iterator[Fault]:
    """Find a variant that is tuned without truths to compare with, or trained without truths to measure anew."""
    definition = checks.problems.get(problem)
    if definition is None:
        return
    if definition.dataset is None:
        yield at, f"variant '{variant}' is {done} on problem '{problem}', which has no truths; {instead}"
    for split in ["train", "validation"] if done == "trained" else ["validation"]:
        for dataset in filter(None, (definition.dataset, definition.measured)):
            if checks.images_of(checks.datasets.get(dataset), split) == 0:
                yield (
                    at,
                    f"variant '{variant}' is {done} on the {split} split of problem '{problem}', "
                    f"which has no images in dataset '{dataset}'; give that split some, or {instead}",
                )


def of_single_image(checks: Known, at: Location, name: str, run: Run, problem: str) -> Iterator[Fault]:
    """Find a variant that trains one network an image, where it cannot."""
    variant, definition = checks.variants[name], checks.problems[problem]
    images = checks.images_of(checks.datasets.get(definition.measured or definition.dataset or ""), "test")
    if images is not None and run.shards != images:
        yield (
            (*at, "shards"),
            f"variant '{name}' trains one network for each image, so that a shard is one image; "
            f"problem '{problem}' has {images} test images: give the run `shards: {images}`",
        )
    if variant.train_on is not None:
        yield (
            (*at, "variants"),
            f"variant '{name}' is trained on the measurement that it restores; leave its `train_on` out",
        )
    training = getattr(_valid(checks, variant), "training", None)
    if training is not None and training.compare_with_truth and definition.dataset is None:
        yield (
            (*at, "variants"),
            f"variant '{name}' is to be compared with the truth while it is trained, and problem '{problem}' has "
            "none; leave `compare_with_truth` out",
        )


def _valid(checks: Known, variant: Variant) -> Any:
    """Return a variant's parameters, None where they are faulty, which is said elsewhere."""
    try:
        return checks.methods[variant.method].Params.model_validate(variant.params)
    except ValidationError:
        return None


def of_trained(checks: Known, at: Location, problem: str, variant: str) -> Iterator[Fault]:
    """Find a variant that is shown for its training and has none."""
    chosen = checks.variants.get(variant)
    if chosen is None:
        yield (*at, "variants"), unknown("variant", variant, checks.variants)
    elif chosen.method in checks.methods and checks.methods[chosen.method].METHOD.trained_on is None:
        yield (*at, "variants"), f"variant '{variant}' is not trained, and nothing but training is shown here"
    elif _is_of_one_image(checks, chosen):
        if checks.scored(problem, variant) is None:
            yield (*at, "variants"), f"no run trains variant '{variant}' on the test images of problem '{problem}'"
    elif problem in checks.problems:
        on = chosen.learns_on(problem, checks.problems[problem])
        yield from of_learning(checks, (*at, "variants"), variant, "trained", on)
