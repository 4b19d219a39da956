"""The models of config.yaml and of a study: the one truth about what may be said in them.

Those of datasets, and of tables and figures, are in the files of these names. The JSON schemas for editors and
docs/configuration.md are generated from all of them (docs/generate.py).
"""

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from reconbench.config.datasets import Dataset
from reconbench.config.sections import (
    Name,
    Names,
    OptionalText,
    ParametersByName,
    Section,
    Texts,
    nothing_as_empty,
    nothing_as_none,
)
from reconbench.config.tables_and_figures import Figure, Table
from reconbench.contracts import Kind


class Reference(Section):
    """A forward model or a noise with its parameters."""

    name: Name
    """Its file's name."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters."""


class ProblemDefinition(Section):
    """A dataset, a forward model and a noise, under a name."""

    kind: Kind
    """The kind of problem, which decides the methods that fit."""
    title: str = ""
    """Readable words for tables and figures; by default the name."""
    dataset: Name | None = None
    """The truths. Without it the measured images have no truth and only examples can be shown."""
    measured: Name | None = None
    """A dataset of measured images, used instead of simulating them; paired with the truths by name."""
    forward: Reference | None = None
    """The forward model; none for denoising."""
    noise: Reference | None = None
    """The noise."""
    target: Literal["truth", "mean_matched"] = "truth"
    """What an estimate is scored against: the truth, or the truth scaled to the measurement's mean (paper 002)."""
    train_on: Name | None = None
    """The problem to tune or train on for this one; by default itself."""
    train_with: Names = []
    """Datasets whose training images are trained on besides, measured in the same way; each is drawn from as often."""
    reading: Literal["corrected", "as_published"] = "corrected"
    """Whether this problem does what the paper meant or what its authors' code does, for tables to say."""


class Tuning(Section):
    """A search on the validation split."""

    metric: Name = "mse"
    """The metric that decides."""
    grid: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(default_factory=dict)
    """Values to try for each parameter, every combination; by default the method's own grid."""


class StartFrom(Section):
    """Trained weights to start from, of the same repetition."""

    problem: Name
    """The problem that they were trained on."""
    variant: Name
    """The variant that was trained."""


class Variant(Section):
    """A method with its parameters, under a name: the row of a table and the folder of its results."""

    method: Name
    """The method."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Its parameters."""
    title: str = ""
    """Readable words for tables; by default the method's own title."""
    tune: Annotated[Tuning | None, BeforeValidator(nothing_as_none)] = None
    """Search parameters on the validation split first."""
    train_on: Name | None = None
    """The problem to tune or train on; by default what the problem that it solves says."""
    start_from: StartFrom | None = None
    """Weights to start training from; by default they are drawn."""
    gpu: int | None = Field(None, ge=0)
    """Number of GPUs a job asks for; by default what the method says."""

    def learns_on(self, problem: str, definition: ProblemDefinition) -> str:
        """Return the problem to tune or train on for one that it solves."""
        return self.train_on or definition.train_on or problem


class Run(Section):
    """Which variants solve which problems, and how that is scored."""

    problems: Names
    """Problems to solve."""
    variants: Names
    """Names of variants, or of methods with their default parameters; `oracle` stands for the truth itself."""
    metrics: ParametersByName
    """Metrics, as a list of names or as a map to their parameters."""
    repetitions: int = Field(1, ge=1)
    """How many times a trained variant is trained anew."""
    shards: int = Field(1, ge=1)
    """Into how many jobs the test split is cut."""
    timed: bool = False
    """Each job runs alone and with one thread, so that its times can be published."""
    examples: Texts | Annotated[int, Field(ge=0)] = 1
    """Images whose estimates are always kept for figures: names, or how many from the first."""


class Study(Section):
    """What one paper did: its datasets, problems, variants, runs, tables and figures, at every scale."""

    title: str = ""
    """The paper."""
    reference: str = ""
    """How to cite it."""
    time_limit: float | None = Field(None, gt=0)
    """Seconds that one job may take where `on_error` is `record`."""
    datasets: dict[Name, Dataset] = Field(default_factory=dict)
    """Sets of truths."""
    problems: dict[Name, ProblemDefinition] = Field(default_factory=dict)
    """Problems."""
    variants: dict[Name, Variant] = Field(default_factory=dict)
    """Methods with parameters."""
    runs: dict[Name, Run] = Field(default_factory=dict)
    """What is computed."""
    tables: dict[Name, Table] = Field(default_factory=dict)
    """Tables."""
    figures: dict[Name, Figure] = Field(default_factory=dict)
    """Figures."""


Overrides = Annotated[dict[str, Any], BeforeValidator(nothing_as_empty, json_schema_input_type=dict[str, Any] | None)]


class StudyFile(Study):
    """A study as it stands in its file: itself, and what each scale changes of it."""

    scales: dict[Literal["tiny", "small", "paper"], Overrides] = Field(default_factory=dict)
    """For each scale, keys of this study that it overrides: maps merge, lists are replaced, null removes."""


class Configuration(Study):
    """config.yaml: what to run, and datasets, problems and variants of your own, in the form of a study."""

    studies: Texts = [
        "em_denoising",
        "deconvolution",
        "trainable_wiener",
        "phase_retrieval",
        "phase_stack",
        "stem_denoising",
        "diffuse_imaging",
    ]
    """Studies to run: names in workflow/studies, or paths of YAML files."""
    scale: Literal["tiny", "small", "paper"] = "small"
    """How much of it: `tiny` for tests, `small` for a laptop, `paper` as published."""
    seed: int = Field(0, ge=0)
    """The seed of every random draw."""
    mirror: OptionalText = None
    """A folder or an address that holds the registry's files as <dataset>/<file>; then nothing else is asked."""
    offline: bool = False
    """Refuse every download and say what is missing."""
    on_error: Literal["stop", "record"] = "stop"
    """What a failing method does: stop the run, or become a row that says what happened."""
    keep_estimates: Literal["auto"] | bool = "auto"
    """Keep every estimate on disk (`auto`: except at the scale `paper`); examples are always kept."""
    leave_out: Names = []
    """Methods that are left out of every run, table and figure, for instance because of their licence."""
    method_folders: Texts = []
    """Folders with method files of your own, against the working directory."""
