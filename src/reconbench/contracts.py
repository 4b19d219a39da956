"""The contracts between the parts: what a method, a forward model, a noise and a metric are.

Each of these is one file that holds a `Params` model, a record and the functions named here:

==============  =========  =====================================================================
folder          record     functions
==============  =========  =====================================================================
``methods/``    METHOD     ``restore(measurement, problem, params, device) -> estimate``
``forward/``    FORWARD    ``build(params) -> ForwardModel``; where the instruments of one problem differ,
                           ``choices(params) -> names`` and ``build(params, choice)``; ``files(params)``
                           where it reads any; ``note(params, noise) -> str``, a sentence for tables,
                           where it has something to say
``noise/``      NOISE      ``draw(params, generator) -> dict``, ``apply(clean, generator, params, drawn)``,
                           ``variance(signal, params, drawn)``, ``gain(params, drawn)``
``metrics/``    METRIC     ``metric(estimate, truth, params) -> float``, with the measurement as a
                           fourth argument where METRIC.of_measurement
==============  =========  =====================================================================

A method that learns (`METHOD.trained_on`) has two more functions, and takes the trained networks when it restores:

    network(problem, params) -> torch.nn.Module, or a dict of several by name
    loss(networks, batch, problem, params) -> scalar tensor, or a dict of one for each network by name
    restore(measurement, problem, params, device, networks) -> estimate

and, where the loss is not what its validation should go by, a third one:

    validate(networks, batch, problem, params) -> scalar tensor, smaller is better

Its `Params` has a field `training`, of a class derived from `reconbench.training.settings.Training`; where it is
trained on the measurement, from `SingleImageTraining` there, and it is validated only if it has a `validate`.
`networks` is the module that `network` gave, or a torch.nn.ModuleDict of the several; the loop in `training/` does the
rest.

Nothing here imports torch: that listing all methods takes milliseconds depends on it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

import numpy as np
from pydantic import BaseModel, ConfigDict

Kind = Literal["denoising", "deconvolution", "phase_retrieval", "plane_prediction", "diffuse_imaging"]
Told = Literal["kind of noise", "noise level", "gain", "forward model"]
Reading = Literal["corrected", "as_published"]


class Parameters(BaseModel):
    """Base of every `Params` model: unknown keys are refused, values are fixed.

    A docstring stands under every field. pydantic is not told to read them: that takes every job a twentieth of its
    start, and only people want them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)


@dataclass(frozen=True, kw_only=True)
class Method:
    """What is to be known of a method without running it.

    Attributes
    ----------
    name : str
        The file's name without ``.py``.
    title : str
        Readable words for tables. May hold parameters in braces: ``"Lucy-Richardson, {iterations} iterations"``.
    reference, doi : str
        What to cite. The DOI may be empty where there is none.
    kinds : frozenset of str
        Kinds of problem that it solves.
    told : frozenset of str
        What it uses of the problem besides the measurement. Asking for more raises `NotToldError`.
    grid : mapping from parameter to the values that tuning tries
    gpu : int
        Number of GPUs that a job asks for.
    trained_on : {"truth", "measurement"}, optional
        What a learned method is trained on.
    also : tuple of str
        Modules that it loads by string, which reading its imports cannot find.
    sequences : bool
        Whether it takes a sequence (t, y, x) as a whole. Others are given its frames one by one.
    """

    name: str
    title: str
    reference: str
    doi: str
    kinds: frozenset[Kind]
    told: frozenset[Told] = frozenset()
    grid: Mapping[str, tuple] = field(default_factory=dict)
    gpu: int = 0
    trained_on: Literal["truth", "measurement"] | None = None
    also: tuple[str, ...] = ()
    sequences: bool = False


@dataclass(frozen=True, kw_only=True)
class Batch:
    """What one step of training is computed from.

    Attributes
    ----------
    measurement, target : torch.Tensor
        Shape (n, c, [z,] y, x), on the device of the network. The target is what an estimate is compared with: the
        truth, or what the problem makes of it; the measurement itself where there is no other.
    step : int
        How many steps were taken before this one.
    generator : torch.Generator or None
        For what a loss draws; the same at the same step, whatever ran before. On the device.
    offset, scale : torch.Tensor or float
        What the values were before they were standardised: value * scale + offset. They broadcast.
    held_out : torch.Tensor or None
        Which pixels validation has to itself, bool, shape of the target; None where it has none.
    forwards : tuple of ForwardModel
        What each measurement was made by; empty where there is no forward model.
    """

    measurement: Any
    target: Any
    step: int = 0
    generator: Any = None
    offset: Any = 0.0
    scale: Any = 1.0
    held_out: Any = None
    forwards: tuple[Any, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Metric:
    """What is to be known of a metric: its name, readable title, unit ("" for none) and which way is better.

    `of_measurement` says that it compares the estimate not with the truth alone, but with the measurement too.
    """

    name: str
    title: str
    unit: str
    better: Literal["higher", "lower"]
    reference: str = ""
    of_measurement: bool = False


@dataclass(frozen=True, kw_only=True)
class Description:
    """What is to be known of a forward model or a noise: its name, readable title and source."""

    name: str
    title: str
    reference: str


@dataclass(frozen=True, kw_only=True)
class FigureKind(Description):
    """What is to be known of a kind of figure: besides its description, what it reads of the pairs that it shows.

    Attributes
    ----------
    reads : frozenset of str
        `scores` of every image, `examples` of estimates, `errors` (the map of mean absolute errors), `training`
        (training.csv), `models` (weights.pt), `runs` (the run.json of estimates), `truths`, `measurements` of the
        test split, `timings` that are made for the figure alone. Only these are made for the figure. A kind that reads
        nothing but timings shows no problems and variants.
    truths_of : {"test", "train"}
        The split whose truths it reads.
    own_variants : bool
        Whether each problem may be shown with variants of its own.
    animated : bool
        Whether it is a video: its `draw` gives a `reconbench.results.videos.Video` in place of a figure, and it is
        written as webp in place of svg.
    """

    reads: frozenset[
        Literal["scores", "examples", "errors", "training", "models", "runs", "truths", "measurements", "timings"]
    ]
    truths_of: Literal["test", "train"] = "test"
    own_variants: bool = False
    animated: bool = False

    @property
    def shows_pairs(self) -> bool:
        """Whether it shows problems and variants, and not what a job measures for it alone."""
        return self.reads != {"timings"}


class ForwardModel(Protocol):
    """From truth to measurement, without noise.

    Takes and gives torch tensors of shape (..., [c,] [z,] y, x) and is differentiable. A linear one has
    `adjoint`; a convolution also has `kernel`, a numpy array of odd sizes that sums to 1.
    """

    def __call__(self, truth):
        """Return the noiseless measurement of a truth."""
        ...

    def measurement_shape(self, truth_shape: tuple[int, ...]) -> tuple[int, ...]:
        """Return the shape of the measurement of a truth of this shape."""
        ...


class NotToldError(RuntimeError):
    """A method asked for something that its METHOD.told does not list."""


@dataclass(frozen=True)
class Problem:
    """What a method may know of one measurement; never the truth.

    Parameters
    ----------
    kind : str
    forward_model : ForwardModel or None
    variance : callable or None
        From the noiseless signal to the noise's variance, as the noise declares it for this image.
    counts_per_unit : float or None
        Gain of a counting detector: counts that a signal of 1 gives.
    pixel_size : tuple of float or None
        Nanometres, in the order of the image's axes.
    wavelength : float or None
        Nanometres.
    told : frozenset of str
        What the method may ask for.
    """

    kind: Kind
    forward_model: Any = None
    variance: Callable[[np.ndarray], np.ndarray] | None = None
    counts_per_unit: float | None = None
    pixel_size: tuple[float, ...] | None = None
    wavelength: float | None = None
    told: frozenset[str] = frozenset()

    @property
    def forward(self) -> Any:
        """The forward model."""
        return self._tell("forward model", self.forward_model)

    @property
    def gain(self) -> float:
        """Counts that a signal of 1 gives."""
        return self._tell("gain", self.counts_per_unit)

    def noise_variance(self, signal: np.ndarray) -> np.ndarray:
        """Return the variance of the noise where the noiseless measurement is `signal`."""
        return self._tell("noise level", self.variance)(signal)

    def _tell(self, what: Told, value: Any) -> Any:
        if what not in self.told:
            raise NotToldError(f"the method asks for the {what}, which its METHOD.told does not list")
        if value is None:
            raise NotToldError(f"the method needs the {what}, which this {self.kind} problem does not declare")
        return value
