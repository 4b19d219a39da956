"""What a configuration says of a through-focus series: its files, its planes, the forward model that goes with it."""

from pathlib import Path

import pytest
import yaml

from reconbench.config.loading import load
from reconbench.config.sources import merged
from reconbench.errors import ConfigurationError

HOME = Path(__file__).resolve().parents[2]
CELL = {
    "source": "registry",
    "name": "phase_throughfocus_cell",
    "splits": {"test": 1},
    "normalise": "none",
    "pixel_size": [160, 160],
}
# The largest distance first, to see that its order in the file means nothing.
PLANES = {"z_p020um.png": 1e-5, "z_0000um.png": -1e-5, "z_p010um.png": 0.0}
STUDY = {
    "datasets": {
        "stack": {**CELL, "series": {"planes": PLANES, "reference": "reference.png", "rows": [60, 1084]}},
        "plane": {**CELL, "series": {"planes": {"z_m040um.png": -5e-5}, "reference": "reference.png"}},
    },
    "problems": {
        "cell": {
            "kind": "plane_prediction",
            "dataset": "plane",
            "measured": "stack",
            "forward": {"name": "left_out_plane", "params": {"distances": [-1e-5, 0.0, 1e-5], "target": -5e-5}},
        },
    },
    "variants": {"by_tie": {"method": "predicted_plane", "params": {"by": "tie"}}},
    "runs": {"main": {"problems": ["cell"], "variants": ["by_tie"], "metrics": ["prediction_nrmse"]}},
}


def loaded(folder, override=None):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(merged(STUDY, override or {}), sort_keys=False))
    return load({"studies": [str(path)]}, HOME)


def test_a_series_and_its_left_out_plane_are_a_problem(tmp_path):
    benchmark = loaded(tmp_path)
    dataset = benchmark.part("datasets")["stack"]
    assert dataset.series.planes == PLANES
    assert dataset.series.registered


def of_stack(**others):
    return {"datasets": {"stack": others}}


def of_series(**others):
    return of_stack(series=others)


def of_plane(**others):
    return {"datasets": {"plane": {"series": others}}}


FAULTS = {
    "a file that is not there": (
        of_plane(planes={"z_p030um.png": 2e-5}),
        "there is no file of 'phase_throughfocus_cell' named 'z_p030um.png'",
    ),
    "a reference that is not there": (of_series(reference="referense.png"), "did you mean 'reference.png'?"),
    "two planes in one place": (
        of_plane(planes={"z_m080um.png": -5e-5}),
        "two planes are at the same distance, -5e-05",
    ),
    "values scaled afterwards": (of_stack(normalise="min_max"), "say `normalise: none`"),
    "no files": (of_stack(source="skimage"), "a series is made of files, and the source 'skimage' has none"),
    "an unknown key": (of_series(register=True), "unknown key 'register'; did you mean 'registered'?"),
    "planes in another order": (
        {"problems": {"cell": {"forward": {"params": {"distances": [1e-5, 0.0, -1e-5]}}}}},
        "the planes of 'stack' are at -1e-05, 0, 1e-05 m, in this order",
    ),
    "fewer planes": (
        {"problems": {"cell": {"forward": {"params": {"distances": [-1e-5, 1e-5]}}}}},
        "the planes of 'stack' are at -1e-05, 0, 1e-05 m, in this order",
    ),
    "a solver's parameter": (
        {"variants": {"by_tie": {"params": {"params": {"degre": 1}}}}},
        "tie refuses its degre",
    ),
}


@pytest.mark.parametrize("name", FAULTS)
def test_faults_are_named(name, tmp_path):
    override, sentence = FAULTS[name]
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, override)
    assert sentence in str(caught.value)
    assert len(caught.value.faults) == 1
