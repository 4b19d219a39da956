"""The six microscopes of Moskalev (2019), of which every image has one."""

from types import ModuleType
from typing import Literal, NamedTuple, Self

from pydantic import Field, model_validator

from reconbench.contracts import Description
from reconbench.forward import born_wolf, gibson_lanni, richards_wolf
from reconbench.forward._blur import Blur
from reconbench.forward._point_spread import Sampling, Size, require_image_for_defocus

FORWARD = Description(
    name="moskalev_microscopes",
    title="wide-field microscopes of Moskalev",
    reference="A. Moskalev, Trainable Regularization for Wiener Deconvolution, MSc defence, Skoltech (2019)",
)
PLANES = 13


class _Microscope(NamedTuple):
    """One line of the slide: wavelength in nanometres, numerical aperture, model, and pixels along x and along y."""

    wavelength: float
    numerical_aperture: float
    model: ModuleType
    width: int


# In the order of the slide.
MICROSCOPES = {
    "gibson_lanni_450_na_1_4": _Microscope(450, 1.4, gibson_lanni, 27),
    "gibson_lanni_520_na_1_2": _Microscope(520, 1.2, gibson_lanni, 33),
    "richards_wolf_630_na_1_4": _Microscope(630, 1.4, richards_wolf, 23),
    "richards_wolf_580_na_1_2": _Microscope(580, 1.2, richards_wolf, 19),
    "born_wolf_670_na_1_4": _Microscope(670, 1.4, born_wolf, 33),
    "born_wolf_450_na_1_2": _Microscope(450, 1.2, born_wolf, 21),
}
Name = Literal[tuple(MICROSCOPES)]


class Params(Sampling):
    """Parameters of the microscopes; lengths in nanometres.

    The slides give wavelength, numerical aperture, model and size of each. All else is our assumption; the slides give
    none.
    """

    microscopes: tuple[Name, ...] = tuple(MICROSCOPES)[:5]
    """Names of the microscopes. The slides list six and say that five are for training; the sixth is left for images
    of a microscope that training has not seen."""
    dimensions: Literal[2, 3] = 3
    """2 for images, one plane at `defocus`; 3 for volumes, of 13 planes about focus."""
    largest: Size | None = None
    """A size that no kernel exceeds, (y, x) or (z, y, x), odd. Of a larger one the middle is taken, with sum 1."""
    pixel_size: float = Field(default=100.0, ge=1, le=500)
    """Width of a pixel in the sample, in nanometres: our assumption."""
    z_step: float = Field(default=250.0, ge=1, le=10_000)
    """Distance of neighbouring planes of a volume, in nanometres: our assumption."""
    sampling: Literal["integrated", "point"] = "point"
    """A pixel's value: the mean intensity over its area, or the intensity in its middle, as the EPFL's generator has
    it by which the slides made their kernels."""
    immersion_index: float = Field(default=1.5, ge=1.3, le=1.8)
    """Refractive index of the immersion, the default of the EPFL's generator: our assumption."""
    sample_index: float = Field(default=1.33, ge=1.3, le=1.6)
    """Refractive index of the sample, for Gibson and Lanni; the default of the generator: our assumption."""
    depth: float = Field(default=2000.0, ge=0, le=50_000)
    """Distance of the point from the coverslip in nanometres, for Gibson and Lanni; the default of the generator: our
    assumption. Focus is where the objective sees the point best."""

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if not self.microscopes or len(set(self.microscopes)) < len(self.microscopes):
            raise ValueError(f"microscopes must be one or several different names; got {list(self.microscopes)}")
        for name in self.microscopes:
            if MICROSCOPES[name].numerical_aperture >= self.immersion_index:
                raise ValueError(
                    f"immersion_index {self.immersion_index:g} must be above the numerical aperture of {name}"
                )
        if self.largest is not None and len(self.largest) != self.dimensions:
            raise ValueError(f"largest {self.largest} must have as many sizes as there are dimensions")
        require_image_for_defocus(self.dimensions, self.defocus)
        return self


def choices(params: Params) -> tuple[str, ...]:
    """Return the names of the microscopes, which the images of a split have in turn."""
    return params.microscopes


def build(params: Params, choice: str) -> Blur:
    """Return the convolution with one microscope's image of a point, which sums to 1; zeros beyond the edge."""
    microscope = MICROSCOPES[choice]
    size = (PLANES, microscope.width, microscope.width)[-params.dimensions :]
    if params.largest is not None:
        size = tuple(map(min, size, params.largest))
    layers = {"sample_index": params.sample_index, "depth": params.depth} if microscope.model is gibson_lanni else {}
    return microscope.model.build(
        microscope.model.Params(
            size=size,
            wavelength=microscope.wavelength,
            numerical_aperture=microscope.numerical_aperture,
            immersion_index=params.immersion_index,
            pixel_size=params.pixel_size,
            z_step=params.z_step,
            defocus=params.defocus,
            sampling=params.sampling,
            **layers,
        )
    )
