from decimal import Decimal
from pathlib import Path

import pytest

from reconbench.errors import UserError
from reconbench.results.published import as_printed, read_published, scaled

FOLDER = Path(__file__).resolve().parents[2] / "workflow" / "studies" / "published"
HEAD = "variant,problem,metric,statistic,value,source\n"


def written(tmp_path, *lines):
    path = tmp_path / "numbers.csv"
    path.write_text(HEAD + "".join(f"{line}\n" for line in lines))
    return path


def test_without_a_file_nothing_is_published():
    assert read_published(None).value("median", "em_low", "mse") is None


def test_digits_are_kept_as_printed(tmp_path):
    numbers = read_published(
        written(tmp_path, "median,em_low,ssim,mean,0.10,a paper", "median,em_low,mse,std,0.00058,b")
    )
    assert as_printed(numbers.value("median", "em_low", "ssim")) == "0.10"
    assert as_printed(scaled(numbers.value("median", "em_low", "mse", "std"), 1000.0)) == "0.58"
    assert numbers.value("median", "em_low", "mse") is None


def test_a_scaled_number_keeps_its_digits():
    assert as_printed(scaled(Decimal("0.004357"), 1000.0)) == "4.357"
    assert as_printed(scaled(Decimal("22.0"), 1.0)) == "22.0"


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["median,em_low,mse,mean,much,a"], "line 2: 'much' is not a number"),
        (["median,em_low,mse,median,1,a"], "neither mean nor std"),
        (["median,em_low,mse,mean,1,a", "median,em_low,mse,mean,2,a"], "line 3: .* is there twice"),
    ],
)
def test_faults_are_named(tmp_path, lines, message):
    with pytest.raises(UserError, match=message):
        read_published(written(tmp_path, *lines))


def test_wrong_columns_are_named(tmp_path):
    path = tmp_path / "numbers.csv"
    path.write_text("method,value\nmedian,1\n")
    with pytest.raises(UserError, match="must have the columns variant, problem"):
        read_published(path)


def test_numbers_of_paper_002_are_complete():
    numbers = read_published(FOLDER / "em_denoising.csv")
    # Nine classical rows and the network's, whose two trainings have one dose each.
    assert len(numbers.values) == (9 + 1) * 4 * 2 * 2
    assert as_printed(numbers.value("atrous_low", "em_low", "mse")) == "0.000562"
    assert as_printed(numbers.value("atrous_ordinary_as_published", "em_ordinary_as_published", "ssim")) == "0.926"
    assert as_printed(numbers.value("identity", "em_low_as_published", "mse")) == "0.004357"
    assert as_printed(numbers.value("wavelet", "em_low", "mse", "std")) == "0.00058"
    assert as_printed(numbers.value("tv_bregman", "em_ordinary", "mse")) == "0.004074"
    assert as_printed(numbers.value("non_local_means", "em_ordinary_as_published", "ssim", "std")) == "0.281"


def test_numbers_of_paper_004_are_complete():
    numbers = read_published(FOLDER / "deconvolution_2d_classical.csv")
    qualities = [key for key in numbers.values if key[2] != "time_ms"]
    assert (len(qualities), len(numbers.values)) == (25, 29)
    assert as_printed(numbers.value("lucy_richardson_10", "ssi_2d", "mi")) == "0.10"
    assert as_printed(numbers.value("lucy_richardson_20", "drosophila", "time_ms")) == "97"
