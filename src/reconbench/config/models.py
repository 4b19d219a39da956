"""The models of config.yaml and of a study: the one truth about what may be said in them.

The JSON schemas for editors and docs/configuration.md are generated from here (`reference.py`).
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from reconbench.contracts import Kind

SPLITS = ("train", "validation", "test")
ORACLE = "oracle"


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _as_parameters_by_name(value: Any) -> Any:
    """Read `[mse, ssim]` as `{mse: {}, ssim: {}}`."""
    names = _as_list(value)
    return {name: {} for name in names} if isinstance(names, list) else value


def _nothing_as_none(value: Any) -> Any:
    return None if value in ("", "none", "null", "None") else value


def _nothing_as_empty(value: Any) -> Any:
    return {} if value is None else value


# Names become folders, wildcards and columns.
Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]
Names = Annotated[list[Name], BeforeValidator(_as_list, json_schema_input_type=list[Name] | Name)]
Texts = Annotated[list[str], BeforeValidator(_as_list, json_schema_input_type=list[str] | str)]
OptionalText = Annotated[str | None, BeforeValidator(_nothing_as_none, json_schema_input_type=str | None)]
ParametersByName = Annotated[
    dict[Name, dict[str, Any]],
    BeforeValidator(_as_parameters_by_name, json_schema_input_type=dict[str, dict[str, Any]] | list[Name] | Name),
]
Size = Annotated[list[Annotated[int, Field(ge=8)]], Field(min_length=2, max_length=3)]
Range = Annotated[list[Annotated[int, Field(ge=0)]], Field(min_length=2, max_length=2)]


class Section(BaseModel):
    """Base of all sections: an unknown key is a fault."""

    model_config = ConfigDict(extra="forbid", use_attribute_docstrings=True)


class Crop(Section):
    """Pieces cut at random places out of the images of a split."""

    size: Size
    """Size of a piece in pixels, (y, x) or (z, y, x)."""
    number: int | None = Field(None, ge=1)
    """How many pieces the test split gives, going round its images; by default one an image."""


class Series(Section):
    """The files of one through-focus series, which make one image: its planes are channels, in the order of z."""

    planes: dict[str, Annotated[float, Field(ge=-1, le=1)]] = Field(min_length=1)
    """File of each plane, to its distance from focus in metres."""
    reference: OptionalText = None
    """File recorded without a specimen, by which each plane is divided."""
    rows: Range | None = None
    """The rows that are kept, [first, the one after the last]; by default all."""
    columns: Range | None = None
    """The columns that are kept, likewise."""
    registered: bool = True
    """Shift the planes so that they lie upon the one nearest to focus."""


class Dataset(Section):
    """A named set of truths, split once and for all into train, validation and test."""

    source: Literal["skimage", "simulated", "registry", "folder"]
    """Where the images come from: the installed scikit-image, a simulator, the registry, or a folder of your own."""
    name: Name | None = None
    """The registry's dataset or the simulator."""
    path: OptionalText = None
    """The folder with TIFF, PNG, JPEG or NumPy files, against the working directory."""
    splits: dict[Literal["train", "validation", "test"], int | Texts]
    """For each split a number of images, or names and patterns of files. A source stands in one split only."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the simulator."""
    size: Size | None = None
    """Size of simulated images in pixels, (y, x), or of volumes, (z, y, x)."""
    series: Series | None = None
    """The files, in the registry's dataset or the folder, that make one image of the name of either."""
    crop: Crop | None = None
    """Cut pieces out of the images of the validation and test splits; training cuts its own."""
    downscale: int = Field(1, ge=1)
    """Average blocks of so many by so many pixels before cropping."""
    normalise: Literal["min_max", "none"] = "min_max"
    """Scale each image (each piece, where there is a crop) to [0, 1], or leave its values alone."""
    colour: Literal["refuse", "grey"] = "refuse"
    """What to do with colour images."""
    pixel_size: list[Annotated[float, Field(gt=0)]] | None = None
    """Pixel size in nanometres in the order of the axes; stands above what the files say."""


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
    reading: Literal["corrected", "as_published"] = "corrected"
    """Whether this problem does what the paper meant or what its authors' code does, for tables to say."""


class Tuning(Section):
    """A search on the validation split."""

    metric: Name = "mse"
    """The metric that decides."""
    grid: dict[str, list[Any]] = Field(default_factory=dict)
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
    tune: Annotated[Tuning | None, BeforeValidator(_nothing_as_none)] = None
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


class Display(Section):
    """How a table shows a metric."""

    title: str = ""
    """Column head; by default the metric's own title."""
    scale: float = Field(1.0, gt=0)
    """Factor for display: 1000 for a mean squared error times 10^3. The csv keeps the plain value."""
    digits: int = Field(2, ge=0, le=8)
    """Digits after the decimal point."""
    spread: bool | Literal["repetitions"] = False
    """Whether the standard deviation over the images is shown, or that over the repetitions of the training."""


class Order(Section):
    """The order of the rows of a block: the identity first, the best row after it, the oracle last.

    Rows without a number stand after those that have one.
    """

    by: Name
    """The column that decides: our mean of it on the block's first problem."""
    best: int = Field(0, ge=0)
    """How many of the best rows are shown, each with its rank and all with their mean; 0 and no `worst` shows all."""
    worst: int = Field(0, ge=0)
    """How many of the worst rows are shown, likewise. The csv has all rows, with their ranks."""

    @property
    def is_ranking(self) -> bool:
        """Whether rows have ranks and only some of them are shown."""
        return self.best + self.worst > 0


class TableSection(Section):
    """One block of rows of a table."""

    title: str = ""
    """Heading of the block."""
    problems: dict[str, Name]
    """The groups of columns: heading to problem."""
    variants: Names
    """The rows."""
    oracle_stopped: Names = []
    """Rows of one method that differ in where they stop; the best of them by the first metric is marked so."""
    order: Order | None = None
    """How the rows are sorted; by default they stand as they are listed."""
    published_only: dict[Name, str] = Field(default_factory=dict)
    """Rows without a method here, at the end of the block: name in the csv of published numbers to readable words."""
    statistics: Literal["corrected", "as_published"] = "corrected"
    """Plain mean and standard deviation, or those of paper 002's script (values clipped and imputed first)."""
    published: bool = True
    """Whether published numbers stand beside this block."""
    notes: Texts = []
    """Sentences under the block."""

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Problem and variant of all that is shown."""
        return [(problem, variant) for problem in self.problems.values() for variant in self.variants]


class Table(Section):
    """A table in the paper's form, with the published numbers beside ours."""

    title: str
    """Caption."""
    source: str = ""
    """The paper and its table."""
    sections: list[TableSection]
    """Blocks of rows."""
    metrics: dict[Name, Display]
    """The columns of each problem. `time_ms` stands for milliseconds an image; of training there are
    `training_seconds`, `steps_per_second`, `parameters`, `validation_error` and `last_validation_error`."""
    published: OptionalText = None
    """A csv file with published numbers, in the folder `published` beside the study."""
    same_data: bool = False
    """Whether the published numbers were made on the same images with the same noise."""
    data_note: str = ""
    """One sentence that says how our data and the paper's compare."""
    notes: Texts = []
    """Sentences under the table."""


class Figure(Section):
    """A figure, drawn by the function of its kind."""

    kind: Name
    """The kind: a file of reconbench/results/figures."""
    title: str
    """Caption."""
    source: str = ""
    """The paper and its figure."""
    problems: dict[str, Name] = Field(default_factory=dict)
    """What the panels or groups show: heading to problem. A kind that draws timings has none."""
    variants: Names | dict[str, Names] = []
    """The variants drawn; a map from heading to its own where problems differ."""
    metrics: dict[Name, Display] = Field(default_factory=dict)
    """The metrics drawn, where the kind draws any."""
    params: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the kind."""

    @property
    def own_variants(self) -> dict[str, list[str]] | None:
        """The variants of each heading, where problems have their own; None where all have the same."""
        return self.variants if isinstance(self.variants, dict) else None

    def variants_of(self, heading: str) -> list[str]:
        """Return the variants drawn of the problem under a heading."""
        return self.variants if self.own_variants is None else self.own_variants.get(heading, [])

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """Problem and variant of all that is drawn."""
        return [
            (problem, variant) for heading, problem in self.problems.items() for variant in self.variants_of(heading)
        ]


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


Overrides = Annotated[dict[str, Any], BeforeValidator(_nothing_as_empty, json_schema_input_type=dict[str, Any] | None)]


class StudyFile(Study):
    """A study as it stands in its file: itself, and what each scale changes of it."""

    scales: dict[Literal["tiny", "small", "paper"], Overrides] = Field(default_factory=dict)
    """For each scale, keys of this study that it overrides: maps merge, lists are replaced, null removes."""


class Configuration(Study):
    """config.yaml: what to run, and datasets, problems and variants of your own, in the form of a study."""

    studies: Texts = ["em_denoising", "deconvolution", "trainable_wiener", "phase_retrieval", "phase_stack"]
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
