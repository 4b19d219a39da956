"""A measured wave in a zip archive: its amplitude, and its phase without the jumps of whole turns."""

import zipfile

import numpy as np
import pytest

from reconbench.datasets.complex_fields import read_complex_field
from reconbench.errors import UserError

FIELD = {"archive": "wave.zip", "real": "real.txt", "imaginary": "imaginary.txt", "phase_range": 10.0}


def rows(values):
    return "\n".join(" ".join(f"{value:.6f}" for value in row) for row in values)


def write(folder, **texts):
    with zipfile.ZipFile(folder / "wave.zip", "w") as archive:
        for name, text in texts.items():
            archive.writestr(f"{name}.txt", text)
    return folder


def test_amplitude_and_phase_come_back(tmp_path):
    """A hill of 9 radians, which wraps."""
    y, x = np.mgrid[-1:1:40j, -1:1:50j]
    phase = 9 * np.exp(-4 * (y**2 + x**2))
    amplitude = 0.5 + 0.3 * np.cos(5 * x)
    wave = amplitude * np.exp(1j * (phase + 2))
    image = read_complex_field(FIELD, write(tmp_path, real=rows(wave.real), imaginary=rows(wave.imag)))
    assert (image.shape, image.dtype) == ((2, 40, 50), np.float32)
    np.testing.assert_allclose(image[0], amplitude / np.median(amplitude), rtol=0, atol=1e-5)
    np.testing.assert_allclose(image[1], (phase - phase.min()) / 10, rtol=0, atol=1e-5)
    with pytest.raises(UserError, match=r"spans 8.96 radians; give `phase_range` this much at least, not 8"):
        read_complex_field({**FIELD, "phase_range": 8}, tmp_path)


@pytest.mark.parametrize(
    "texts, said",
    [
        ({"real": "1 2\n3 4"}, "has no file 'imaginary.txt'"),
        ({"real": "1 2\n3 4", "imaginary": "1 2"}, r"real part of shape \(2, 2\) and an imaginary one of \(1, 2\)"),
        ({"real": "1 2\n3 x", "imaginary": "1 2\n3 4"}, "'real.txt' in .* cannot be read as rows of numbers"),
        ({"real": "1 2\n3 nan", "imaginary": "1 2\n3 4"}, "'real.txt' in .* values that are not finite"),
        ({"real": "0 0\n0 0", "imaginary": "0 0\n0 0"}, "is dark in half of the image"),
    ],
)
def test_a_bad_archive_is_named(tmp_path, texts, said):
    with pytest.raises(UserError, match=said):
        read_complex_field(FIELD, write(tmp_path, **texts))


def test_an_archive_that_is_none_is_named(tmp_path):
    with pytest.raises(UserError, match=r"wave.zip is not there"):
        read_complex_field(FIELD, tmp_path)
    (tmp_path / "wave.zip").write_text("no archive")
    with pytest.raises(UserError, match=r"wave.zip cannot be read as rows of numbers"):
        read_complex_field(FIELD, tmp_path)
