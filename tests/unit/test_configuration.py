"""Every faulty configuration gets its one clear sentence: place, what was expected, the nearest valid name."""

from pathlib import Path

import pytest
import yaml

from reconbench.config.loading import load
from reconbench.config.sources import merged
from reconbench.errors import ConfigurationError

HOME = Path(__file__).resolve().parents[2]
SHIPPED = yaml.safe_load((HOME / "config.yaml").read_text())

STUDY = {
    "datasets": {
        "micrographs": {
            "source": "simulated",
            "name": "micrographs",
            "size": [48, 48],
            "splits": {"validation": 2, "test": 3},
        },
        "photographs": {"source": "skimage", "splits": {"test": ["camera"]}},
    },
    "problems": {
        "low": {
            "kind": "denoising",
            "dataset": "micrographs",
            "noise": {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 50}}},
        },
        "blurred": {"kind": "deconvolution", "dataset": "photographs", "forward": {"name": "ssi_blur"}},
    },
    "variants": {
        "identity": {"method": "identity"},
        "gaussian": {"method": "gaussian"},
        "tuned": {"method": "gaussian", "tune": {}},
    },
    "runs": {"main": {"problems": ["low"], "variants": ["identity", "gaussian", "oracle"], "metrics": ["mse", "ssim"]}},
    "tables": {
        "results": {
            "title": "Results",
            "metrics": {"mse": {}},
            "sections": [{"problems": {"low dose": "low"}, "variants": ["identity", "gaussian"]}],
        }
    },
    "figures": {
        "curves": {
            "kind": "kde",
            "title": "Curves",
            "problems": {"low dose": "low"},
            "variants": ["identity"],
            "metrics": {"mse": {}},
        }
    },
}


def loaded(folder: Path, override: dict | None = None, config: dict | None = None):
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(merged(STUDY, override or {}), sort_keys=False))
    return load({"studies": [str(path)], **(config or {})}, HOME)


# What is changed in the study, what in config.yaml, and what the message must say.
FAULTS = {
    "misspelt key of config.yaml": ({}, {"seeed": 1}, "seeed: unknown key 'seeed'; did you mean 'seed'?"),
    "unknown scale": (
        {},
        {"scale": "papre"},
        "scale: expected tiny or small or paper, got 'papre'; did you mean 'paper'?",
    ),
    "seed that is no number": ({}, {"seed": "many"}, "seed: expected a valid integer"),
    "negative seed": ({}, {"seed": -1}, "seed: expected greater than or equal to 0, got -1"),
    "unknown study": ({}, {"studies": "em_denoisin"}, "there is no study 'em_denoisin'; did you mean 'em_denoising'?"),
    "missing study file": ({}, {"studies": ["mine.yaml"]}, "there is no study 'mine.yaml'; there is no such file"),
    "offline that is neither": ({}, {"offline": "perhaps"}, "offline: expected a valid boolean"),
    "unknown on_error": ({}, {"on_error": "ignore"}, "on_error: expected stop or record, got 'ignore'"),
    "folder of methods that is absent": ({}, {"method_folders": "nowhere"}, "nowhere"),
    "key of a study": ({"tabels": {}}, {}, "tabels: unknown key 'tabels'; did you mean 'tables'?"),
    "key of a dataset": (
        {"datasets": {"micrographs": {"sizes": [1, 1]}}},
        {},
        "datasets.micrographs.sizes: unknown key 'sizes'; did you mean 'size'?",
    ),
    "unknown source": (
        {"datasets": {"micrographs": {"source": "simulate"}}},
        {},
        "got 'simulate'; did you mean 'simulated'?",
    ),
    "unknown simulator": (
        {"datasets": {"micrographs": {"name": "micrograph"}}},
        {},
        "there is no simulator 'micrograph'; did you mean 'micrographs'?",
    ),
    "unknown dataset of the registry": (
        {"datasets": {"photographs": {"source": "registry", "name": "ssi_benchmark"}}},
        {},
        "there is no dataset of the registry named 'ssi_benchmark'; did you mean 'ssi_benchmark_2d'?",
    ),
    "folder without path": (
        {"datasets": {"photographs": {"source": "folder"}}},
        {},
        "a dataset from a folder needs its `path`",
    ),
    "simulated without size": ({"datasets": {"micrographs": {"size": None}}}, {}, "simulated images need their `size`"),
    "image that scikit-image does not carry": (
        {"datasets": {"photographs": {"splits": {"test": ["camra"]}}}},
        {},
        "camra",
    ),
    "unknown dataset of a problem": (
        {"problems": {"low": {"dataset": "micrograph"}}},
        {},
        "problems.low.dataset: there is no dataset 'micrograph'; did you mean 'micrographs'?",
    ),
    "problem without dataset": ({"problems": {"low": {"dataset": None}}}, {}, "a problem needs a `dataset` of truths"),
    "unknown noise": (
        {"problems": {"low": {"noise": {"name": "poison"}}}},
        {},
        "there is no noise 'poison'; did you mean 'poisson'?",
    ),
    "unknown forward model": (
        {"problems": {"blurred": {"forward": {"name": "ssi_blurr"}}}},
        {},
        "there is no forward model 'ssi_blurr'; did you mean 'ssi_blur'?",
    ),
    "noise with a faulty parameter": (
        {"problems": {"low": {"noise": {"params": {"doze": 3}}}}},
        {},
        "unknown key 'doze'; did you mean 'dose'?",
    ),
    "unknown method": (
        {"variants": {"gaussian": {"method": "gausian"}}},
        {},
        "variants.gaussian.method: there is no method 'gausian'; did you mean 'gaussian'?",
    ),
    "unknown parameter of a method": (
        {"variants": {"gaussian": {"params": {"sigm": 1}}}},
        {},
        "variants.gaussian.params.sigm: unknown key 'sigm'; did you mean 'sigma'?",
    ),
    "parameter out of range": (
        {"variants": {"gaussian": {"params": {"sigma": -2}}}},
        {},
        "variants.gaussian.params.sigma: expected greater than or equal to 0, got -2",
    ),
    "grid over an unknown parameter": (
        {"variants": {"tuned": {"tune": {"grid": {"sigm": [1]}}}}},
        {},
        "there is no parameter of 'gaussian' 'sigm'; did you mean 'sigma'?",
    ),
    "the reserved name": ({"variants": {"oracle": {"method": "identity"}}}, {}, "the name 'oracle' is reserved"),
    "a name with a slash": ({"variants": {"a/b": {"method": "identity"}}}, {}, "a name is letters, digits"),
    "method that does not fit the problem": (
        {"runs": {"main": {"problems": ["low", "blurred"]}}},
        {},
        "variant 'gaussian' solves denoising, and problem 'blurred' is deconvolution",
    ),
    "variant unknown to a run": (
        {"runs": {"main": {"variants": ["gausian"]}}},
        {},
        "there is no variant 'gausian'; did you mean 'gaussian'?",
    ),
    "unknown metric": (
        {"runs": {"main": {"metrics": ["ssimm"]}}},
        {},
        "there is no metric 'ssimm'; did you mean 'ssim'?",
    ),
    "more shards than images": ({"runs": {"main": {"shards": 4}}}, {}, "4 shards are more than the 3 test images"),
    "a pair in two runs": (
        {"runs": {"again": {"problems": ["low"], "variants": ["gaussian"], "metrics": ["mse"]}}},
        {},
        "variant 'gaussian' on problem 'low' stands in run 'main' already",
    ),
    "tuning without validation images": (
        {"datasets": {"micrographs": {"splits": {"validation": 0}}}, "runs": {"main": {"variants": ["tuned"]}}},
        {},
        "is tuned on the validation split of problem 'low', which has no images",
    ),
    "row that no run scores": (
        {"tables": {"results": {"sections": [{"problems": {"low dose": "low"}, "variants": ["tuned"]}]}}},
        {},
        "no run scores variant 'tuned' on problem 'low'",
    ),
    "column that no run scores": (
        {"tables": {"results": {"metrics": {"psnr": {}}}}},
        {},
        "there is no metric of the run of problem 'low' named 'psnr'",
    ),
    "absent file of published numbers": (
        {"tables": {"results": {"published": "results.csv"}}},
        {},
        "there is no file of published numbers 'results.csv'",
    ),
    "unknown kind of figure": (
        {"figures": {"curves": {"kind": "kdee"}}},
        {},
        "there is no kind of figure 'kdee'; did you mean 'kde'?",
    ),
}


@pytest.mark.parametrize("override, config, expected", FAULTS.values(), ids=FAULTS.keys())
def test_a_fault_is_named_with_its_place_and_what_would_be_right(tmp_path, override, config, expected):
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, override, config)
    assert expected in str(caught.value)


def test_the_study_that_the_faults_are_made_from_has_none(tmp_path):
    assert loaded(tmp_path).part("problems").keys() == {"low", "blurred"}


def test_all_faults_come_in_one_message(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, {"variants": {"gaussian": {"method": "gausian"}}, "runs": {"main": {"metrics": ["ssimm"]}}})
    assert "gausian" in str(caught.value)
    assert "ssimm" in str(caught.value)


def test_a_fault_names_the_line_of_its_file(tmp_path):
    with pytest.raises(ConfigurationError) as caught:
        loaded(tmp_path, {"variants": {"gaussian": {"method": "gausian"}}})
    lines = (tmp_path / "study.yaml").read_text().splitlines()
    line = lines.index("    method: gausian") + 1
    assert f"study.yaml, line {line}, variants.gaussian.method" in str(caught.value)


def test_a_fault_names_the_file_of_the_configuration_that_has_it(tmp_path):
    """The last one that says so; what none of them says is the command line's."""
    first, last = tmp_path / "first.yaml", tmp_path / "last.yaml"
    first.write_text("scale: small\nseeed: 1\nruns:\n  mine: {shards: 1}\n")
    last.write_text("runs:\n  mine:\n    shrads: 2\n")
    mine = {"shards": 1, "shrads": 2}
    config = {"studies": [], "scale": "papper", "seeed": 1, "offfline": True, "runs": {"mine": mine}}
    with pytest.raises(ConfigurationError) as caught:
        load(config, HOME, [first, last])
    for place in (
        f"{first}, line 2, seeed",
        f"{last}, line 3, runs.mine.shrads",
        f"{last}, line 2, runs.mine.problems",
        "the configuration, offfline",
        "the configuration, scale",
    ):
        assert f"- {place}: " in str(caught.value)


@pytest.mark.parametrize(
    "text, expected", [("a: [1", "line"), ("- a\n", "keys with values"), ("title: a\ntitle: b\n", "twice")]
)
def test_a_file_that_is_no_study_is_refused(tmp_path, text, expected):
    (tmp_path / "study.yaml").write_text(text)
    with pytest.raises(ConfigurationError, match=expected):
        load({"studies": [str(tmp_path / "study.yaml")]}, HOME)


@pytest.mark.parametrize("scale", ["tiny", "small", "paper"])
def test_what_is_shipped_has_no_faults_at_any_scale(scale):
    benchmark = load({**SHIPPED, "scale": scale}, HOME, [HOME / "config.yaml"])
    assert {loaded.name for loaded in benchmark.studies} == {"config.yaml", *SHIPPED["studies"]}


def test_the_model_has_the_defaults_of_the_shipped_configuration():
    # A workflow that is used as a module has no config.yaml.
    assert load({}, HOME).configuration == load(SHIPPED, HOME).configuration


def test_values_from_the_command_line_are_texts(tmp_path):
    configuration = loaded(tmp_path, config={"seed": "7", "offline": "true", "keep_estimates": "false"}).configuration
    assert (configuration.seed, configuration.offline, configuration.keep_estimates) == (7, True, False)


def test_a_scale_overrides_its_study(tmp_path):
    benchmark = loaded(
        tmp_path, {"scales": {"tiny": {"datasets": {"micrographs": {"splits": {"test": 1}}}}}}, {"scale": "tiny"}
    )
    assert benchmark.part("datasets")["micrographs"].splits == {"validation": 2, "test": 1}


def test_merging_replaces_lists_and_removes_what_is_null():
    base = {"a": {"b": 1, "c": 2}, "d": [1, 2]}
    assert merged(base, {"a": {"b": None, "e": 3}, "d": [9]}) == {"a": {"c": 2, "e": 3}, "d": [9]}
    assert base == {"a": {"b": 1, "c": 2}, "d": [1, 2]}
