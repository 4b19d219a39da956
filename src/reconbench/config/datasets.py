"""The models of a dataset: where its images come from, and what is done with them."""

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeInt

from reconbench.config.sections import Name, OptionalText, Range, Section, Size, Texts


def _with_one_name(value: str | None) -> str | None:
    if value is not None and value.count("{name}") != 1:
        raise ValueError("say once where the name of an image stands, for instance 'truth/{name}.png'")
    return value


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


class ComplexField(Section):
    """The files of one measured complex wave, which make one image: amplitude and phase are its two channels."""

    archive: str
    """Zip file that holds the wave as two text files, a row of numbers a line."""
    real: str
    """Name of the text file with the real part."""
    imaginary: str
    """Name of the text file with the imaginary part."""
    phase_range: float = Field(gt=0, le=1000)
    """Phase in radians that becomes 1; the smallest of the image becomes 0."""


class RawBlocks(Section):
    """Images of one shape that lie in a file as plain blocks of numbers, uncompressed, each in one piece."""

    file: str
    """The file, of whatever format."""
    shape: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=2, max_length=3)]
    """Shape of an image in pixels, (y, x) or (z, y, x); along x the numbers are next to each other."""
    type: Literal["uint8", "int8", "uint16", "int16", "uint32", "int32", "float32", "float64"]
    """Type of the numbers."""
    byte_order: Literal["little", "big"] = "little"
    """Which byte of a number comes first, the `little` or the `big` end of it."""
    images: dict[Name, Annotated[int, Field(ge=0)]] = Field(min_length=1)
    """Name of each image, to the byte of the file that it begins at, counted from 0."""


class Film(Section):
    """A film whose frames are the images; the splits of such a dataset are ranges of seconds."""

    file: str
    """The film in the registry's dataset or the folder, for instance an mp4 file."""
    frames_per_second: float = Field(gt=0, le=1000)
    """How many frames of a second are taken; they are counted from the start of the film."""


class Dataset(Section):
    """A named set of truths, split once and for all into train, validation and test."""

    source: Literal["skimage", "simulated", "registry", "folder"]
    """Where the images come from: the installed scikit-image, a simulator, the registry, or a folder of your own."""
    name: Name | None = None
    """The registry's dataset or the simulator."""
    path: OptionalText = None
    """The folder with TIFF, PNG, JPEG or NumPy files, against the working directory."""
    splits: dict[Literal["train", "validation", "test"], NonNegativeInt | Texts]
    """For each split a number of images, or names and patterns of files; of a film, ranges of seconds such as `2-11.5`.
    A source stands in one split only."""
    validation: Name | None = None
    """Another dataset, whose validation split stands in for one of this dataset's own."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Parameters of the simulator."""
    size: Size | None = None
    """Size of simulated images in pixels, (y, x), or of volumes, (z, y, x)."""
    files: Annotated[OptionalText, AfterValidator(_with_one_name)] = None
    """Which files take part, such as `truth/{name}.png`, and what of their paths is the name of an image."""
    film: Film | None = None
    """The film, in the registry's dataset or the folder, whose frames are the images."""
    series: Series | None = None
    """The files, in the registry's dataset or the folder, that make one image of the name of either."""
    field: ComplexField | None = None
    """A measured complex wave, likewise."""
    raw: RawBlocks | None = None
    """Images at known places of one file, in the registry's dataset or the folder, whose format is not read."""
    crop: Crop | None = None
    """Cut pieces out of the images of the validation and test splits; training cuts its own."""
    downscale: int = Field(1, ge=1)
    """Average blocks of so many by so many pixels before cropping."""
    resize: Annotated[list[Annotated[int, Field(ge=8)]], Field(min_length=2, max_length=2)] | None = None
    """Then average the largest centred part of this aspect down to this size in pixels, (y, x)."""
    normalise: Literal["min_max", "full_range", "none"] = "min_max"
    """Scale each image (each piece, where there is a crop) to [0, 1], divide integers by the largest value of their
    type, or leave the values alone."""
    colour: Literal["refuse", "grey", "keep"] = "refuse"
    """What to do with colour images; where colour is kept, every image has three channels, grey ones equal ones."""
    pixel_size: list[Annotated[float, Field(gt=0)]] | None = None
    """Pixel size in nanometres in the order of the axes; stands above what the files say."""
