"""What a forward model says of itself under the tables of its problems."""

import json
from pathlib import Path

import made_up
import pytest
import yaml

from reconbench import digest
from reconbench.config.loading import load
from reconbench.forward import ssi_blur
from reconbench.plan import Plan
from reconbench.results.rendering import FORMATS
from reconbench.results.tables import make_table
from reconbench.specs import Specs

HOME = Path(__file__).resolve().parents[2]
VARIANTS = {"gaussian": made_up.variant("gaussian")}
BLUR, SHARP = {"name": "ssi_blur", "params": {"plane": 0}}, {"name": "ssi_blur", "params": {"plane": 1}}


@pytest.fixture
def talkative(monkeypatch):
    """Let a forward model say its plane and the parameters of the noise."""

    def note(params, noise):
        return f"Plane {params.plane}, noise {noise['params'].get('deviation', 'none')}."

    monkeypatch.setattr(ssi_blur, "note", note, raising=False)


def written(root, problems):
    """Return a table of some problems, as Markdown; each is given what its spec says besides."""
    scores = [made_up.write_row(root, name, "gaussian", made_up.lines(psnr=[20.0]))[0] for name in problems]
    section = made_up.section({f"heading {name}": name for name in problems}, ["gaussian"])
    rows = [(name, "gaussian") for name in problems]
    spec = made_up.spec(made_up.table([section], {"psnr": {}}), problems, VARIANTS, rows)
    return FORMATS["md"](make_table(spec, scores, [], [], [], None))


def test_a_sentence_stands_under_the_table(talkative, tmp_path):
    noise = {"name": "gaussian", "params": {"deviation": 0.5}}
    text = written(tmp_path, {"blurred": {"forward": BLUR, "noise": noise}, "plain": {}})
    assert "- Plane 0, noise 0.5.\n" in text


def test_sentences_that_differ_name_their_problems(talkative, tmp_path):
    shared = {"forward": BLUR, "noise": None}
    text = written(tmp_path, {"a": shared, "b": shared, "c": {"forward": SHARP, "noise": None}})
    assert "- heading a, heading b: Plane 0, noise none.\n" in text
    assert "- heading c: Plane 1, noise none.\n" in text


STUDY = {
    "datasets": {"images": {"source": "simulated", "name": "micrographs", "size": [48, 48], "splits": {"test": 2}}},
    "problems": {
        "blurred": {"kind": "deconvolution", "dataset": "images", "forward": {"name": "ssi_blur"}},
        "noisy": {"kind": "denoising", "dataset": "images"},
    },
    "runs": {"all": {"problems": ["blurred", "noisy"], "variants": "identity", "metrics": "mse"}},
    "tables": {
        name: {"title": name, "metrics": {"mse": {}}, "sections": [{"problems": {"": name}, "variants": "identity"}]}
        for name in ("blurred", "noisy")
    },
}


def test_a_table_depends_on_a_forward_model_that_has_something_to_say(talkative, monkeypatch, tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text(yaml.safe_dump(STUDY))
    specs = Specs(Plan(load({"studies": [str(path)]}, HOME)), HOME)
    about = json.loads(specs.table("blurred"))["problems"]["blurred"]
    assert about["forward"]["name"] == "ssi_blur" and about["noise"] is None
    assert "forward" not in json.loads(specs.table("noisy"))["problems"]["noisy"]
    codes = {name: specs.table_code(name) for name in STUDY["tables"]}
    monkeypatch.delattr(ssi_blur, "note")
    assert "forward" not in json.loads(specs.table("blurred"))["problems"]["blurred"]
    assert specs.table_code("blurred") != codes["blurred"]
    assert specs.table_code("noisy") == codes["noisy"]
    assert Path(ssi_blur.__file__) not in digest.closure([HOME / "workflow" / "scripts" / "table.py"])
