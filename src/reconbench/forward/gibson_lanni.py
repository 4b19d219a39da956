"""The point-spread function of Gibson and Lanni: scalar, with what sample, coverslip and immersion do to the focus."""

from functools import partial
from typing import Self

import numpy as np
from pydantic import Field, model_validator

from reconbench.contracts import Description
from reconbench.forward._blur import Blur
from reconbench.forward._point_spread import Microscope, gauss_legendre, image_of_point, pupil_points, scalar_intensity

FORWARD = Description(
    name="gibson_lanni",
    title="wide-field microscope, Gibson and Lanni",
    reference="Gibson & Lanni 1992, doi:10.1364/JOSAA.9.000154",
)
PATH_POINTS = 100  # of a quadrature over path differences alone, which bend a few times at most


class Params(Microscope):
    """Parameters of the microscope and its layers; lengths in nanometres.

    Defocus is how far the objective is withdrawn from the position where it sees the point best. A design value that
    is not given is the actual one.
    """

    sample_index: float = Field(default=1.33, ge=1, le=2.5)
    """Refractive index of the sample. Light beyond it (NA above this index) does not reach the objective."""
    depth: float = Field(default=2000.0, ge=0, le=200_000)
    """Distance of the point from the coverslip, into the sample, in nanometres. 2000 is the default of the EPFL's
    generator of point-spread functions."""
    working_distance: float = Field(default=150_000.0, ge=1000, le=100_000_000)
    """Thickness of the immersion for which the objective is designed, in nanometres."""
    design_immersion_index: float | None = Field(default=None, ge=1, le=2.5)
    """Index of the immersion for which the objective is designed."""
    coverslip_index: float = Field(default=1.515, ge=1, le=2.5)
    """Refractive index of the coverslip."""
    design_coverslip_index: float | None = Field(default=None, ge=1, le=2.5)
    """Index of the coverslip for which the objective is designed."""
    coverslip_thickness: float = Field(default=170_000.0, ge=0, le=10_000_000)
    """Thickness of the coverslip, in nanometres."""
    design_coverslip_thickness: float | None = Field(default=None, ge=0, le=10_000_000)
    """Thickness of the coverslip for which the objective is designed, in nanometres."""

    @model_validator(mode="after")
    def _light_reaches_the_rim(self) -> Self:
        for key in ("design_immersion_index", "coverslip_index", "design_coverslip_index"):
            index = getattr(self, key)
            if index is not None and index <= self.numerical_aperture:
                raise ValueError(f"{key} {index:g} must be above numerical_aperture {self.numerical_aperture:g}")
        if self.working_distance + best_position(self) <= 0:
            raise ValueError(
                f"the objective would have to come {-best_position(self):.0f} nm nearer to see the point, more than "
                f"its working_distance of {self.working_distance:g} nm"
            )
        return self


def build(params: Params) -> Blur:
    """Return the convolution with the image of a point, which sums to 1; zeros beyond the edge.

    Planes of a volume are in the order in which the objective is withdrawn from the sample.
    """
    return Blur(image_of_point(params, partial(_intensity, params)))


def best_position(params: Params) -> float:
    """Return where the objective sees the point best, as its distance from the design position in nanometres.

    There the path difference varies least over the pupil, in the mean square, which makes the point brightest where
    aberrations are weak. It is negative where the objective has to come nearer: by about depth n_i / n_s for a point
    in the sample, all else as designed.
    """
    transverse, area = _pupil(params, PATH_POINTS)
    path = _path_difference(params, transverse, np.zeros(1))[:, 0]
    change = _layer(params.immersion_index, transverse)
    path, change = (values - np.average(values, weights=area) for values in (path, change))
    return -float(area @ (path * change)) / float(area @ change**2)


def _intensity(params: Params, radius: np.ndarray, defocus: np.ndarray) -> np.ndarray:
    """Return h(r, z), shape (radii, planes).

    With the wavenumber k in vacuum and s, which is index times sine of the ray's angle in every layer (NA rho in
    Gibson & Lanni 1992),

        h(r, z) = | integral from 0 to NA of J0(k r s) exp(i k W(s, z)) s ds |^2.
    """
    position = best_position(params) + defocus
    transverse, _ = _pupil(params, PATH_POINTS)
    variation = np.abs(np.diff(_path_difference(params, transverse, position), axis=0)).sum(axis=0).max()
    points = pupil_points(params.wavenumber * (params.numerical_aperture * radius.max() + variation))
    transverse, area = _pupil(params, points)
    phase = params.wavenumber * _path_difference(params, transverse, position)
    return scalar_intensity(params.wavenumber * np.outer(radius, transverse), area[:, None] * np.exp(1j * phase))


def _pupil(params: Params, points: int) -> tuple[np.ndarray, np.ndarray]:
    """Return values of s, and the weights of an integral over s ds.

    The variable of the quadrature is the ray's angle in the layer of the lowest index: there all paths are smooth, up
    to 90 degrees. This layer may let in less light than the NA would.
    """
    lowest = min(index for _, index in (*_layers(params), *_design(params)))
    angle, weight = gauss_legendre(np.arcsin(min(params.numerical_aperture / lowest, 1.0)), points)
    return lowest * np.sin(angle), weight * lowest**2 * np.sin(angle) * np.cos(angle)


def _path_difference(params: Params, transverse: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Return W(s, z) less that on the axis, in nanometres, shape (points of the pupil, positions of the objective).

        W = sum of t n sqrt(1 - (s / n)^2) over sample, immersion and coverslip
          - sum of t* n* sqrt(1 - (s / n*)^2) over immersion and coverslip as designed,

    with thicknesses t and indices n. The position adds to the thickness of the immersion.
    """
    actual, design = (
        sum(thickness * _layer(index, transverse) for thickness, index in layers)
        for layers in (_layers(params), _design(params))
    )
    return (actual - design)[:, None] + np.outer(_layer(params.immersion_index, transverse), position)


def _layers(params: Params) -> tuple[tuple[float, float], ...]:
    """Return thickness and index of sample, immersion and coverslip, with the objective at its design position."""
    return (
        (params.depth, params.sample_index),
        (params.working_distance, params.immersion_index),
        (params.coverslip_thickness, params.coverslip_index),
    )


def _design(params: Params) -> tuple[tuple[float, float], ...]:
    """Return thickness and index of immersion and coverslip for which the objective is designed."""
    thickness = params.design_coverslip_thickness
    return (
        (params.working_distance, params.design_immersion_index or params.immersion_index),
        (
            params.coverslip_thickness if thickness is None else thickness,
            params.design_coverslip_index or params.coverslip_index,
        ),
    )


def _layer(index: float, transverse: np.ndarray) -> np.ndarray:
    """Return the path through a layer of thickness 1 less that on the axis, n sqrt(1 - (s / n)^2) - n.

    It is written so that nothing cancels: the whole path is hundreds of wavelengths long.
    """
    return -(transverse**2) / (index * (1 + np.sqrt(1 - (transverse / index) ** 2)))
