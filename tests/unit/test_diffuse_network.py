"""The multi-scale network for diffuse light, its training on whole screens, and the controls beside it."""

import numpy as np
import pytest
from pydantic import ValidationError

torch = pytest.importorskip("torch")

from reconbench.contracts import Batch, Problem  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.images import ImageWriter, read_index  # noqa: E402
from reconbench.methods import constant, diffuse_network, mean_of_training  # noqa: E402
from reconbench.networks.diffuse_multi_scale import DiffuseMultiScale  # noqa: E402
from reconbench.steps.measuring import ForwardModels  # noqa: E402
from reconbench.training.recorded_pairs import JoinedImages, PairSampler  # noqa: E402
from reconbench.training.sampling import Images, Instrument, Sampler  # noqa: E402

PROBLEM = Problem(kind="diffuse_imaging")
# Bilinear: a fine pixel lies a quarter of a coarse one off the middle of the nearest.
WEIGHTS = torch.tensor([[9, 3], [3, 1]]) / 16
SMALL = {"widths": [4, 6, 8, 8], "kernels": [3, 5]}


def parameters(steps=10, **more):
    training = {"patch": [36, 64], "batch": 2, "phases": [{"steps": steps, "learning_rate": 1e-3}]}
    return diffuse_network.Params.model_validate({**SMALL, **more, "training": training})


def sampler(folder, forward, **training):
    """Batches of whole screens, of which there are two."""
    with ImageWriter(folder / "index.csv") as writer:
        for number, draws in enumerate(map(np.random.default_rng, range(2))):
            writer.add(f"screen_{number}", draws.random((3, 12, 16), dtype=np.float32), "CYX")
    settings = diffuse_network.Training.model_validate({"patch": [12, 16], "batch": 4, **training})
    instrument = Instrument(ForwardModels(forward).all, None, "truth")
    images = Images(read_index(folder / "index.csv"))
    return Sampler(images, instrument, settings, 0, ("test",), "cpu", augmentation=settings.augmentation)


# Outputs: from the finest on, twice the measurement, the measurement, and halves rounded up.
@pytest.mark.parametrize(
    ("size", "outputs"),
    [
        ((18, 32), [(36, 64), (18, 32), (9, 16), (5, 8), (3, 4)]),
        ((16, 16), [(32, 32), (16, 16), (8, 8), (4, 4), (2, 2)]),
        ((7, 13), [(14, 26), (7, 13), (4, 7), (2, 4), (1, 2)]),
    ],
)
def test_five_outputs_from_twice_the_measurement_down(size, outputs):
    network = DiffuseMultiScale(3, (4, 6, 8, 8), (3, 5)).eval()
    measurement = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        found = network.at_all_scales(measurement)
        torch.testing.assert_close(network(measurement), found[0])
    assert [tuple(image.shape) for image in found] == [(2, 3, *output) for output in outputs]
    assert all(image.min() > 0 and image.max() < 1 for image in found)


def test_the_published_network():
    """Four widths, five outputs with these kernels, and millions of weights; the paper says about 20 for two tasks."""
    network = DiffuseMultiScale()
    assert [output.weight.shape[1:] for output in network.outputs] == [
        (64, 11, 11),
        (64, 9, 9),
        (128, 7, 7),
        (256, 5, 5),
        (256, 3, 3),
    ]
    assert [cell.branches[0][0].in_channels for cell in network.encoder] == [3, 64, 128, 256]
    assert sum(weight.numel() for weight in network.parameters()) == by_hand((64, 128, 256, 256), (3, 5, 7, 9))
    # Keras calls it 0.8.
    assert {layer.momentum for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)} == {0.2}


def by_hand(widths, kernels):
    """Count weights: cells, convolutions between scales with their normalisation, and outputs."""

    def cell(into, out):
        share = out // len(kernels)
        return sum(kernel**2 * share * (into + share) + 4 * share for kernel in kernels)

    first, second, third, fourth = widths
    encoder = cell(3, first) + cell(first, second) + cell(second, third) + cell(third, fourth)
    down = sum(9 * width**2 + 2 * width for width in widths[:-1])
    up = sum(16 * a * b + 2 * b for a, b in ((fourth, third), (third, second), (second, first), (first, first)))
    decoder = cell(2 * third, third) + cell(2 * second, second) + cell(2 * first, first) + cell(first, first)
    scales = zip((first, first, second, third, fourth), (11, 9, 7, 5, 3), strict=True)
    outputs = sum(3 * (kernel**2 * width + 1) for width, kernel in scales)
    return encoder + down + up + decoder + outputs


@pytest.mark.parametrize("direct", [False, True])
def test_without_enlarging_the_finest_output_has_the_measurements_size(direct):
    network = DiffuseMultiScale(3, (4, 6, 8), (3, 5), enlarge=False, direct=direct).eval()
    with torch.no_grad():
        outputs = network.at_all_scales(torch.rand(1, 3, 17, 30, generator=torch.Generator().manual_seed(0)))
    assert [tuple(image.shape) for image in outputs] == [(1, 3, 17, 30), (1, 3, 9, 15), (1, 3, 5, 8)]


def test_an_untrained_direct_network_enlarges_the_measurement():
    """From [-1, 1] brought to [0, 1], at every scale: there is no correction yet. Only the estimate is clamped."""
    network = DiffuseMultiScale(3, (4, 6), (3, 5), direct=True).eval()
    measurement = 3 * torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0)) - 1
    with torch.no_grad():
        finest, same, coarse = network.at_all_scales(measurement)
        torch.testing.assert_close(network(measurement), finest.clamp(0, 1))
    light = (measurement + 1) / 2
    torch.testing.assert_close(same, light)
    # Of twice the pixels, the image is linear between the middles.
    torch.testing.assert_close(finest[..., 1, 1], (light[..., :2, :2] * WEIGHTS).sum((-2, -1)))
    assert coarse.shape == (1, 3, 4, 6) and finest.max() > 1


def test_the_correction_of_a_direct_network_is_trained():
    """In the first step by the last convolutions alone, whose weights are 0; then by all."""
    network = DiffuseMultiScale(3, (4, 6), (3, 5), direct=True, output_kernels=(5, 3, 1))
    assert [output.kernel_size for output in network.outputs] == [(5, 5), (3, 3), (1, 1)]
    optimiser = torch.optim.SGD(network.parameters(), lr=1.0)
    measurement = torch.rand(2, 3, 8, 12, generator=torch.Generator().manual_seed(0))
    for _ in range(2):
        optimiser.zero_grad()
        sum(output.square().mean() for output in network.at_all_scales(measurement)).backward()
        optimiser.step()
    assert all(weight.grad.abs().max() > 0 for weight in network.parameters())


def test_a_network_learns_from_recorded_pairs_without_a_forward_model(tmp_path):
    """Of a camera that sees the scenes darker and upside down."""
    draws = np.random.default_rng(0)
    scenes = {name: draws.random((3, 12, 16), dtype=np.float32) for name in "ab"}
    for folder, change in (("truth", lambda scene: scene), ("measured", lambda scene: 0.2 * scene[:, ::-1])):
        with ImageWriter(tmp_path / folder / "index.csv") as writer:
            for name, scene in scenes.items():
                writer.add(name, np.ascontiguousarray(change(scene)), "CYX")
    settings = {"patch": [12, 16], "batch": 2, "augmentation": False, "phases": [{"steps": 30, "learning_rate": 3e-2}]}
    params = diffuse_network.Params.model_validate(
        {"widths": [8, 8], "kernels": [3], "enlarge": False, "mirrored": False, "light": [0, 0.2], "training": settings}
    )
    pairs = JoinedImages(*(read_index(tmp_path / folder / "index.csv") for folder in ("truth", "measured")))
    batches = PairSampler(pairs, params.training, 0, ("train",), "cpu", augmentation=False)
    batches.check()
    torch.manual_seed(0)
    network = diffuse_network.network(PROBLEM, params)
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-2)
    losses = []
    for batch in batches.batches(0, 30):
        losses.append(diffuse_network.loss(network, batch, PROBLEM, params))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[-1] < 0.6 * losses[0]
    estimate = diffuse_network.restore(0.2 * scenes["a"], PROBLEM, params, "cpu", network.eval())
    assert estimate.shape == (3, 12, 16)


def test_the_loss_fades_the_coarse_outputs():
    params = parameters(steps=10)
    networks = diffuse_network.network(PROBLEM, params).eval()
    draws = torch.Generator().manual_seed(0)
    measurement, target = torch.rand(2, 3, 18, 32, generator=draws), torch.rand(2, 3, 36, 64, generator=draws)
    with torch.no_grad():
        outputs = networks.at_all_scales((measurement - 1).flip(-1))
        errors = []
        for image in outputs:
            coarse = torch.nn.functional.adaptive_avg_pool2d(target, image.shape[-2:])
            errors.append(float((image - coarse).abs().mean()))
        for step, weights in ((0, (1, 2, 4, 8, 16)), (5, (1, 1, 1, 1, 1)), (10, (1, 0, 0, 0, 0))):
            batch = Batch(measurement=measurement, target=target, step=step)
            found = float(diffuse_network.loss(networks, batch, PROBLEM, params))
            assert found == pytest.approx(np.dot(weights, errors), rel=1e-5)


def test_the_network_sees_light_from_minus_one_to_one_and_left_as_left():
    params = parameters(light=(0.5, 1.5))
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, measurement):
            seen.append(measurement)
            return measurement

    measurement = np.linspace(0.5, 1.5, 3 * 2 * 4, dtype=np.float32).reshape(3, 2, 4)
    diffuse_network.restore(measurement, PROBLEM, params, "cpu", Spy())
    np.testing.assert_allclose(seen[0][0], 2 * measurement[..., ::-1] - 2, atol=1e-6)


def test_screens_of_another_size_than_twice_the_cameras_are_refused():
    params = parameters()
    batch = Batch(measurement=torch.rand(1, 3, 18, 30), target=torch.rand(1, 3, 36, 64))
    with pytest.raises(UserError, match="36 x 60 here, and the truths have 36 x 64; set the forward"):
        diffuse_network.loss(diffuse_network.network(PROBLEM, params), batch, PROBLEM, params)
    params = parameters(enlarge=False)
    with pytest.raises(UserError, match="once the camera's pixels a side, 18 x 30 here, and the truths have"):
        diffuse_network.loss(diffuse_network.network(PROBLEM, params), batch, PROBLEM, params)


@pytest.mark.parametrize("kernels", [[3, 3], [3, 3, 4]])
def test_last_kernels_are_odd_and_one_an_output(kernels):
    with pytest.raises(ValidationError, match="output_kernels must be 3 odd sides, not"):
        diffuse_network.Params(widths=[4, 4], output_kernels=kernels)


@pytest.mark.parametrize("camera", [(6, 8), (24, 40), (12, 16)])
def test_a_batch_holds_whole_measurements_of_flipped_screens(tmp_path, camera):
    """Whether they are smaller than the screen or larger; and what is flipped is the screen, not the measurement."""
    forward = {"name": "diffuse_wall", "params": {"screen_pixels": (12, 16), "camera_pixels": camera}}
    batches = sampler(tmp_path, forward)
    batches.check()
    wall, screens = ForwardModels(forward).only, [batches.images[number] for number in range(2)]
    versions = {np.flip(screen, axes).tobytes() for screen in screens for axes in ((), (-1,), (-2,), (-1, -2))}
    found = set()
    for batch in batches.batches(0, 8):
        assert batch.measurement.shape == (4, 3, *camera)
        for measurement, target in zip(batch.measurement, batch.target, strict=True):
            torch.testing.assert_close(measurement, wall(target))
            found.add(target.numpy().tobytes())
    assert found == versions


@pytest.mark.parametrize("method", [constant, mean_of_training])
def test_controls_have_the_size_of_the_screen(method):
    measurement = np.zeros((3, 6, 8), np.float32)
    if method is constant:
        params, networks = constant.Params(value=0.25, size=(12, 16)), ()
    else:
        params = mean_of_training.Params.model_validate({"training": {"patch": [12, 16]}})
        networks = (mean_of_training.network(PROBLEM, params),)
    estimate = method.restore(measurement, PROBLEM, params, "cpu", *networks)
    assert (estimate.shape, estimate.dtype) == ((3, 12, 16), np.float32)
    assert (estimate == (0.25 if method is constant else 0.5)).all()


def test_the_mean_of_screens_is_found_for_each_colour():
    params = mean_of_training.Params.model_validate({"training": {"patch": [2, 3]}})
    networks = mean_of_training.network(PROBLEM, params)
    target = torch.rand(5, 3, 2, 3, generator=torch.Generator().manual_seed(0))
    batch = Batch(measurement=torch.zeros(5, 3, 1, 1), target=target)
    optimiser = torch.optim.SGD(networks.parameters(), lr=9.0)
    for _ in range(60):
        optimiser.zero_grad()
        mean_of_training.loss(networks, batch, PROBLEM, params).backward()
        optimiser.step()
    torch.testing.assert_close(networks.image.detach(), target.mean(dim=0), atol=1e-4, rtol=0)
