import subprocess
import sys
from pathlib import Path

import pytest

import reconbench
from reconbench import catalogue
from reconbench.contracts import Method
from reconbench.errors import UserError

SOURCE = Path(reconbench.__file__).parents[1]

GOOD = """
import numpy as np
from pydantic import Field

from reconbench.contracts import Method, Parameters


class Params(Parameters):
    factor: float = Field(1.0, gt=0)
    '''Factor on the signal.'''


METHOD = Method(name="mine", title="Mine", reference="none", doi="", kinds=frozenset({"denoising"}))


def restore(measurement, problem, params, device):
    return (params.factor * measurement).astype(np.float32)
"""


def write(folder, text=GOOD, name="mine"):
    folder.mkdir(exist_ok=True)
    (folder / f"{name}.py").write_text(text)
    return folder


def test_all_methods_are_found_sorted_and_named_like_their_files():
    found = catalogue.methods()
    files = {file.stem for file in (SOURCE / "reconbench" / "methods").glob("*.py") if not file.stem.startswith("_")}
    assert set(found) == files >= {"identity", "gaussian", "bm3d", "bm3d_anscombe", "bm3d_anscombe_blind"}
    assert list(found) == sorted(found)
    assert all(isinstance(module.METHOD, Method) for module in found.values())


def test_other_parts_are_found():
    assert "poisson" in catalogue.noises()
    assert catalogue.get_noise("poisson").NOISE.name == "poisson"
    for name, module in catalogue.metrics().items():
        assert catalogue.get_metric(name) is module
    for name, module in catalogue.forward_models().items():
        assert catalogue.get_forward_model(name) is module
    for name, module in catalogue.simulators().items():
        assert catalogue.get_simulator(name) is module


def in_a_new_process(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(SOURCE)})
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_listing_everything_loads_nothing_heavy():
    heavy = {"torch", "cv2", "skimage", "scipy", "pywt", "bm3d", "matplotlib", "pandas"}
    loaded = in_a_new_process(
        "import sys; from reconbench import catalogue as c; c.methods(); c.noises(); c.metrics(); c.forward_models();"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    assert not heavy & set(loaded)


def test_looking_up_one_method_imports_no_other():
    loaded = in_a_new_process(
        "import sys; from reconbench import catalogue; catalogue.get_method('median');"
        "print(*(name for name in sys.modules if name.startswith('reconbench.methods.')))"
    )
    assert loaded == ["reconbench.methods.median"]


def test_nearest_name_is_suggested():
    with pytest.raises(UserError, match="there is no method 'gausian'; did you mean 'gaussian'?"):
        catalogue.get_method("gausian")
    with pytest.raises(UserError, match="there is no noise 'poison'; did you mean 'poisson'?"):
        catalogue.get_noise("poison")
    with pytest.raises(UserError, match="there is no noise 'zzzz'; there are .*poisson"):
        catalogue.get_noise("zzzz")


def test_a_users_folder_of_methods(tmp_path):
    folder = write(tmp_path / "methods")
    (folder / "_helper.py").write_text("raise RuntimeError")
    found = catalogue.methods([folder])
    assert {"mine", "gaussian"} <= set(found)
    file = catalogue.file_in("mine", [str(folder)])
    assert file == str(folder / "mine.py")
    assert catalogue.get_method("mine", file) is found["mine"]
    assert catalogue.file_in("gaussian", [folder]) is None


def test_a_users_folder_that_a_name_is_looked_up_in_is_suggested_from(tmp_path):
    with pytest.raises(UserError, match="did you mean 'mine'"):
        catalogue.file_in("mime", [write(tmp_path / "methods")])


def test_module_names_of_users_files_are_stable(tmp_path):
    folder = write(tmp_path / "methods")
    code = (
        f"from reconbench import catalogue; print(catalogue.get_method('mine', {str(folder / 'mine.py')!r}).__name__)"
    )
    here = catalogue.get_method("mine", folder / "mine.py").__name__
    assert in_a_new_process(code) == [here]


FAULTY = {
    "wrong name": (GOOD.replace('name="mine"', 'name="yours"'), "calls itself 'yours' in METHOD; it must be 'mine'"),
    "no params": (GOOD.replace("class Params(", "class Parms("), "lacks a class Params derived from"),
    "free params": (
        GOOD.replace("class Params(Parameters)", "class Params"),
        "lacks a class Params derived from reconbench.contracts.Parameters",
    ),
    "no record": (GOOD.replace("METHOD =", "METHODS ="), "lacks the record METHOD, a Method"),
    "record of another kind": (GOOD.replace("METHOD = Method(", "METHOD = dict("), "lacks the record METHOD, a Method"),
    "no function": (GOOD.replace("def restore(", "def denoise("), "lacks the function restore"),
    "trained without a loss": (
        GOOD.replace("METHOD = Method(", 'METHOD = Method(trained_on="truth", ') + "\nnetwork = restore\n",
        "is trained, and lacks the function loss",
    ),
    "trained without training": (
        GOOD.replace("METHOD = Method(", 'METHOD = Method(trained_on="truth", ') + "\nnetwork = loss = restore\n",
        "is trained, and its Params lack the field `training`",
    ),
    "syntax": (GOOD + "def", "cannot be imported: SyntaxError"),
    "import": ("import no_such_package\n" + GOOD, "cannot be imported: ModuleNotFoundError: .*no_such_package"),
}


@pytest.mark.parametrize("fault", FAULTY)
def test_faulty_files_are_named_with_what_is_wrong(tmp_path, fault):
    text, message = FAULTY[fault]
    folder = write(tmp_path / "methods", text)
    with pytest.raises(UserError, match=rf"the method {folder}/mine\.py {message}"):
        catalogue.methods([folder])
    with pytest.raises(UserError, match=message):  # A file that failed once is not taken as loaded.
        catalogue.get_method("mine", folder / "mine.py")


def test_two_methods_of_one_name_are_refused(tmp_path):
    one, two = write(tmp_path / "one"), write(tmp_path / "two")
    with pytest.raises(UserError, match=rf"{two}/mine\.py has the name of another method, {one}/mine\.py"):
        catalogue.methods([one, two])
    shadow = write(tmp_path / "three", name="gaussian")
    with pytest.raises(UserError, match=r"three/gaussian\.py has the name of another method, .*methods/gaussian\.py"):
        catalogue.methods([shadow])


def test_missing_folders_and_files_are_named(tmp_path):
    with pytest.raises(UserError, match="the folder of methods .*nowhere does not exist"):
        catalogue.methods([tmp_path / "nowhere"])
    with pytest.raises(UserError, match=r"the method 'mine' should be in .*mine\.py, which does not exist"):
        catalogue.get_method("mine", tmp_path / "mine.py")
