"""The models of what is shown: tables and figures."""

from typing import Any, Literal

from pydantic import Field

from reconbench.config.sections import Name, Names, OptionalText, Section, Texts


class Display(Section):
    """How a table shows a metric."""

    title: str = ""
    """Column head; by default the metric's own title."""
    scale: float = Field(1.0, gt=0)
    """Factor for display: 1000 for a mean squared error times 10^3. The csv keeps the plain value."""
    digits: int = Field(2, ge=0, le=8)
    """Digits after the decimal point; of times of frames, significant digits."""
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
    """The columns of each problem. `time_ms` stands for milliseconds an image, `frame_seconds` and
    `frames_per_second` for those of a frame (of a sequence, a part of its time), `time_ratio` for the time of a frame
    over that of the block's first row; of training there are `training_seconds`, `steps_per_second`, `parameters`,
    `validation_error` and `last_validation_error`."""
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
