"""The figure of learned kernels: what it reads of weights, and what it draws of them."""

import csv
from types import SimpleNamespace

import made_up
import numpy as np
import pytest

from reconbench.errors import UserError
from reconbench.images import ImageWriter
from reconbench.results import style
from reconbench.results.drawing import draw_figure, read_models
from reconbench.results.figures import wiener_kernels

torch = pytest.importorskip("torch")

NONE = {name: [] for name in ("scores", "examples", "measurements", "training", "errors", "timings")}
VARIANTS = {name: made_up.variant("gaussian", title=name) for name in ("cosines", "wavelets", "other", "failed")}


def weights(number=4, shape=(5, 5), block="", seed=0):
    """Return weights of kernels as training keeps them."""
    generator = torch.Generator().manual_seed(seed)
    return {
        f"{block}log_weight": torch.tensor(0.5),
        f"{block}direction": torch.randn(number, *shape, generator=generator),
        f"{block}scale": torch.rand(number, generator=generator) + 0.1,
    }


def written(root, variant, state, repetition=1):
    """Write weights.pt of a training, an empty file where there are none."""
    from reconbench.training.weights import write_weights

    path = made_up.folder(root, "models", "toy", variant, repetition, "all") / "weights.pt"
    if state is None:
        path.write_bytes(b"")
    else:
        write_weights(path, SimpleNamespace(state_dict=lambda: state), {"method": "trainable_wiener"})
    return path


@pytest.fixture
def truth():
    return np.random.default_rng(0).random((24, 36)).astype(np.float32)


@pytest.fixture
def drawn(tmp_path, truth, monkeypatch):
    """Return a function that draws the kernels of some variants: the canvas and the lines of the csv."""
    canvases = []
    save = style.save
    monkeypatch.setattr(style, "save", lambda figure, svg, png: (canvases.append(figure), save(figure, svg, png)))

    def draw(states, image=truth, variants=None, trained_on="toy", **params):
        index = tmp_path / "results" / "small" / "data" / "truths" / "train" / "index.csv"
        index.parent.mkdir(parents=True, exist_ok=True)
        with ImageWriter(index, "images") as writer:
            for name in ("coins", "another") if image is not None else ():
                writer.add(name, image)
        models = [written(tmp_path, name, state) for name, state in states.items()]
        definition = made_up.figure("wiener_kernels", {"toy": "toy"}, variants or list(states), {}, **params)
        rows = [("toy", name, {"trained_on": trained_on}) for name in definition["variants"]]
        spec = made_up.spec(definition, {"toy": {}}, VARIANTS, rows)
        outputs = {suffix: tmp_path / f"figure.{suffix}" for suffix in ("svg", "png", "csv")}
        draw_figure(spec, **NONE, truths=[index], models=models, outputs=outputs)
        with open(outputs["csv"], newline="") as file:
            return canvases[-1], list(csv.DictReader(file))

    return draw


def texts(canvas):
    return [text.get_text().replace("\n", " ") for text in canvas.texts]


def test_kernels_have_no_mean_and_the_norm_of_their_scale():
    state = {name: values.numpy() for name, values in weights(shape=(3, 5, 5)).items()}
    kernels = wiener_kernels.kernels_of(state)
    np.testing.assert_allclose(kernels.mean(axis=(1, 2, 3)), 0, atol=1e-12)
    np.testing.assert_allclose(np.linalg.norm(kernels.reshape(4, -1), axis=1), state["scale"], rtol=1e-6)
    varying = state["direction"] - state["direction"].mean(axis=(1, 2, 3), keepdims=True)
    cosines = (kernels * varying).sum(axis=(1, 2, 3)) / np.linalg.norm(varying.reshape(4, -1), axis=1) / state["scale"]
    np.testing.assert_allclose(cosines, 1, rtol=1e-6)


def test_kernels_are_those_that_the_network_applies():
    networks = pytest.importorskip("reconbench.networks.wiener")
    torch.manual_seed(0)
    network = networks.TrainableWiener((5, 5), 24, "gabor")
    state = {name: values.numpy() for name, values in network.state_dict().items()}
    np.testing.assert_allclose(wiener_kernels.kernels_of(state), network.kernels.detach().numpy(), atol=1e-6)


def test_blocks_are_joined_and_other_weights_passed_over():
    state = {**weights(2, block="blocks.0."), **weights(3, block="blocks.1.", seed=1), "layer.scale": torch.ones(7)}
    kernels = wiener_kernels.kernels_of({name: values.numpy() for name, values in state.items()})
    assert kernels.shape == (5, 5, 5)
    second = wiener_kernels.kernels_of({name: values.numpy() for name, values in weights(3, seed=1).items()})
    np.testing.assert_array_equal(kernels[2:], second)
    assert wiener_kernels.kernels_of({"layer.scale": np.ones(7), "direction": np.ones((2, 5, 5))}) is None


def test_a_constant_direction_is_a_kernel_of_zeros():
    assert not wiener_kernels.kernels_of({"direction": np.ones((1, 3, 3)), "scale": np.ones(1)}).any()


def test_the_csv_holds_every_value_of_every_kernel(drawn):
    state = weights(number=24)
    _, lines = drawn({"cosines": state})
    kernels = wiener_kernels.kernels_of({name: values.numpy() for name, values in state.items()})
    assert list(lines[0]) == ["problem", "method", "variant", "status", "kernel", "norm", "z", "y", "x", "value"]
    assert len(lines) == 24 * 25
    found = {(int(line["kernel"]), int(line["y"]), int(line["x"])): float(line["value"]) for line in lines}
    assert found[3, -2, 1] == kernels[2, 0, 3] and found[24, 2, -1] == kernels[23, 4, 1]
    assert {line["z"] for line in lines} == {""}
    assert float(lines[25]["norm"]) == pytest.approx(float(state["scale"][1]), rel=1e-6)


def test_each_kernel_is_drawn_beside_what_it_sees_of_the_first_image(drawn, truth):
    state = weights(number=7)
    canvas, _ = drawn({"cosines": state}, columns=4)
    kernels = wiener_kernels.kernels_of({name: values.numpy() for name, values in state.items()})
    tiles = [axes.images[0].get_array() for axes in canvas.axes]
    assert len(tiles) == 14
    for number, kernel in enumerate(kernels):
        np.testing.assert_allclose(tiles[2 * number], kernel)
        # Away from the edges a convolution, by its sum: the kernel is turned.
        patch = truth[8:13, 18:23].astype(float)
        np.testing.assert_allclose(tiles[2 * number + 1][10, 20], abs((patch * kernel[::-1, ::-1]).sum()), rtol=1e-9)
    places = [axes.get_position() for axes in canvas.axes]
    # Kernel and magnitude stand at one height, and the fifth of each begins the second line.
    assert places[0].y1 == pytest.approx(places[1].y1) and places[8].x0 == pytest.approx(places[0].x0)
    assert places[9].x0 == pytest.approx(places[1].x0) and places[8].y1 < places[0].y0
    assert max(place.x1 for place in places) < 1 and min(place.y0 for place in places) > 0
    assert "7 kernels of 5 × 5 pixels" in texts(canvas) and "magnitude of coins convolved with each" in texts(canvas)


def test_the_image_is_said_to_be_one_of_the_training(drawn):
    canvas, _ = drawn({"cosines": weights()})
    assert any("of the first image that they have learned from" in text for text in texts(canvas))


def test_of_volumes_the_middle_plane_is_drawn(drawn):
    volume = np.random.default_rng(1).random((6, 16, 16)).astype(np.float32)
    state = weights(number=2, shape=(3, 5, 5))
    canvas, lines = drawn({"cosines": state}, image=volume)
    kernels = wiener_kernels.kernels_of({name: values.numpy() for name, values in state.items()})
    np.testing.assert_allclose(canvas.axes[0].images[0].get_array(), kernels[0, 1])
    expected = abs((volume[2:5, 6:11, 6:11].astype(float) * kernels[0, ::-1, ::-1, ::-1]).sum())
    np.testing.assert_allclose(canvas.axes[1].images[0].get_array()[8, 8], expected, rtol=1e-9)
    assert "2 kernels of 3 × 5 × 5 pixels" in texts(canvas) and any("Middle planes." in text for text in texts(canvas))
    assert {int(line["z"]) for line in lines} == {-1, 0, 1} and len(lines) == 2 * 75


def test_a_failed_training_is_said_and_the_others_drawn(drawn):
    canvas, lines = drawn({"failed": None, "wavelets": weights()})
    assert len(canvas.axes) == 8
    assert "no weights: the training failed" in texts(canvas) and "toy: wavelets" in texts(canvas)
    assert [line["variant"] for line in lines if line["status"] != "ok"] == ["failed"]
    assert len(lines) == 1 + 4 * 25


def test_a_figure_is_the_same_each_time(drawn, tmp_path):
    pictures = []
    for _ in range(2):
        drawn({"cosines": weights()})
        pictures.append([(tmp_path / f"figure.{suffix}").read_bytes() for suffix in ("svg", "png", "csv")])
    assert pictures[0] == pictures[1]


@pytest.mark.parametrize(
    "changed, words",
    [
        ({"states": {"other": {"layer.weight": torch.ones(3, 3)}}}, "variant 'other' hold no kernels"),
        ({"states": {"cosines": weights(shape=(3, 5, 5))}}, "have 3 axes, and image 'coins' of problem 'toy' has 2"),
        ({"states": {"cosines": weights()}, "image": None}, "problem 'toy' has no truths"),
        ({"states": {"cosines": weights()}, "trained_on": None}, "variant 'cosines' is not trained"),
        ({"states": {"cosines": weights()}, "variants": ["cosines", "other"]}, r"no weights\.pt was given for variant"),
    ],
    ids=["other weights", "other axes", "no truth", "not trained", "no file"],
)
def test_what_cannot_be_drawn_is_named(drawn, changed, words):
    with pytest.raises(UserError, match=words):
        drawn(**changed)


def test_the_weights_of_every_training_are_handed_over(tmp_path):
    paths = [written(tmp_path, "cosines", None, repetition) for repetition in (1, 2)]
    spec = made_up.spec({}, {}, VARIANTS, [("seen", "cosines", {"trained_on": "toy"}), ("toy", "other")])
    assert read_models(spec, paths) == {("seen", "cosines"): paths}
