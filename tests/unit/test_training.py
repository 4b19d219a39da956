"""The loop and what it samples: draws by address, physics on the patch, phases, optimisers, losses."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import training_jobs

torch = pytest.importorskip("torch")

from reconbench.contracts import Parameters, Problem  # noqa: E402
from reconbench.errors import UserError  # noqa: E402
from reconbench.forward import ssi_blur  # noqa: E402
from reconbench.images import ImageRecord, read_index  # noqa: E402
from reconbench.steps.training import TrainingData, train_networks  # noqa: E402
from reconbench.training.checkpoints import Checkpoint  # noqa: E402
from reconbench.training.loop import Task, train  # noqa: E402
from reconbench.training.sampling import Images, Instrument, Sampler  # noqa: E402
from reconbench.training.settings import Phase, Training  # noqa: E402

PLAIN = Instrument((), None, "truth")


class Held(Images):
    """Images that are in memory already."""

    def __init__(self, *images):
        records = [ImageRecord(f"image_{i}", Path("memory"), image.shape, "YX", "") for i, image in enumerate(images)]
        super().__init__(records)
        self.kept = dict(enumerate(images))


def ramp(height=40, width=50):
    """An image in which every pixel says where it is."""
    return (np.arange(height)[:, None] * 100 + np.arange(width)).astype(np.float32)


def sampler(images, instrument=PLAIN, augmentation=False, **settings):
    given = Training(**{"patch": (16, 16), "batch": 3, **settings})
    return Sampler(images, instrument, given, 0, ("train", "low", "1"), "cpu", augmentation)


def the_batch(source, step):
    (batch,) = source.batches(step, step + 1)
    return batch


def test_a_batch_belongs_to_its_step():
    noise = {"name": "poisson", "params": {"dose": {"law": "uniform", "low": 20, "high": 40}}}
    images = Held(np.random.default_rng(0).random((40, 50), dtype=np.float32))
    instrument = Instrument((), noise, "truth")
    whole = list(sampler(images, instrument, augmentation=True).batches(0, 5))
    for step in (3, 1):
        alone = the_batch(sampler(images, instrument, augmentation=True), step)
        assert torch.equal(alone.measurement, whole[step].measurement)
        assert torch.equal(alone.target, whole[step].target)
    assert not torch.equal(whole[0].target, whole[1].target)
    assert not torch.equal(whole[0].target[0], whole[0].target[1])


def test_patches_are_pieces_of_the_image_at_every_place():
    image = ramp()
    corners = {
        tuple(divmod(int(patch[0, 0, 0]), 100))
        for batch in sampler(Held(image)).batches(0, 150)
        for patch in batch.target
    }
    rows, columns = zip(*corners, strict=True)
    assert (min(rows), max(rows)) == (0, 24)
    assert (min(columns), max(columns)) == (0, 34)
    batch = the_batch(sampler(Held(image)), 0)
    row, column = divmod(int(batch.target[0, 0, 0, 0]), 100)
    np.testing.assert_array_equal(batch.target[0, 0], image[row : row + 16, column : column + 16])


def test_augmentation_gives_all_eight_orientations():
    found = set()
    for batch in sampler(Held(ramp()), augmentation=True).batches(0, 60):
        for patch in batch.target[:, 0]:
            down, right = float(patch[1, 0] - patch[0, 0]), float(patch[0, 1] - patch[0, 0])
            found.add((down, right))
    assert found == {(a * s, b * t) for a, b in ((100, 1), (1, 100)) for s in (1, -1) for t in (1, -1)}


def test_a_patch_is_blurred_with_what_lies_around_it():
    image = np.random.default_rng(0).random((60, 70), dtype=np.float32)
    blur = ssi_blur.build(ssi_blur.Params())
    whole = blur(torch.from_numpy(image))
    instrument = Instrument((blur,), None, "truth")
    for batch in sampler(Held(image), instrument, augmentation=True).batches(0, 10):
        for seen, truth in zip(batch.measurement[:, 0], batch.target[:, 0], strict=True):
            assert any(
                torch.allclose(seen, expected, atol=1e-5)
                for expected in blurred_where_it_lies(truth.numpy(), image, whole)
            )


def blurred_where_it_lies(patch, image, whole):
    """The blurred image at the place of a patch, in the patch's orientation."""
    for turned, back in orientations(patch):
        windows = np.lib.stride_tricks.sliding_window_view(image, turned.shape)
        for row, column in np.argwhere(windows[..., 0, 0] == turned[0, 0]):
            if np.array_equal(windows[row, column], turned):
                yield back(whole[row : row + 16, column : column + 16])


def orientations(patch):
    tensor = torch.from_numpy(patch)
    for flips in ((), (0,), (1,), (0, 1)):
        for swapped in (False, True):
            turned = torch.flip(tensor.T if swapped else tensor, flips)
            yield (
                turned.numpy(),
                lambda found, flips=flips, swapped=swapped: (
                    torch.flip(found, flips).T if swapped else torch.flip(found, flips)
                ),
            )


def test_patches_can_be_scaled_and_targets_matched_to_the_mean():
    image = 0.3 + 0.1 * np.random.default_rng(0).random((40, 50), dtype=np.float32)
    scaled = the_batch(sampler(Held(image), normalise="min_max"), 0).target
    assert scaled.amin(dim=(1, 2, 3)).eq(0).all()
    assert scaled.amax(dim=(1, 2, 3)).eq(1).all()
    noise = {"name": "poisson", "params": {"dose": {"law": "fixed", "value": 5}, "reading": "as_published"}}
    batch = the_batch(sampler(Held(image), Instrument((), noise, "mean_matched")), 0)
    assert torch.allclose(batch.target.mean(dim=(1, 2, 3)), batch.measurement.mean(dim=(1, 2, 3)), rtol=1e-5)


def test_images_beyond_the_limit_are_read_again(tmp_path):
    records = read_index(training_jobs.write_truths(tmp_path, "train", 3))
    few = Images(records, limit=2 * 32 * 32 * 4)
    for _ in range(2):
        for index, record in enumerate(records):
            np.testing.assert_array_equal(few[index], record.load())
    assert sorted(few.kept) == [0, 1]


def test_each_dataset_is_drawn_from_as_often_however_few_images_it_has():
    records = [
        ImageRecord(f"image_{number}", Path(dataset) / f"{number}.tif", (1, 1), "YX", "")
        for dataset, images in {"many": 9, "one": 1}.items()
        for number in range(images)
    ]
    images = Images(records)
    images.kept = {number: np.full((1, 1), number, dtype=np.float32) for number in range(10)}
    draws = np.random.default_rng(0)
    counts = np.bincount([int(images.draw(draws).item()) for _ in range(1800)], minlength=10)
    # Within five standard deviations of the binomial counts.
    assert abs(counts[9] - 900) < 5 * np.sqrt(1800 / 4)
    assert np.all(abs(counts[:9] - 100) < 5 * np.sqrt(100))


@pytest.mark.parametrize("images", [Held(), Held(ramp(12, 50))])
def test_images_that_are_too_few_or_too_small_are_refused(images):
    with pytest.raises(UserError, match=r"no images to train on|is smaller than the training patches of \(16, 16\)"):
        sampler(images).check()


def test_phases_follow_each_other():
    settings = Training(phases=(Phase(steps=2, learning_rate=1e-2), Phase(steps=3, learning_rate=1e-3)))
    assert settings.steps == 5
    assert [settings.phase(step).learning_rate for step in range(5)] == [1e-2] * 2 + [1e-3] * 3
    with pytest.raises(IndexError):
        settings.phase(5)


class Scale(torch.nn.Module):
    """Multiplies by one number, behind a normalisation whose statistics can be frozen."""

    def __init__(self, start):
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(float(start)))
        self.normalisation = torch.nn.BatchNorm2d(1)

    def forward(self, image):
        self.normalisation(image)
        return self.factor * image


class ScaleParams(Parameters):
    """Parameters of a method of the tests."""

    training: Training


def method(loss, **networks):
    only = next(iter(networks.values())) if len(networks) == 1 else networks
    return SimpleNamespace(network=lambda problem, params: only, loss=loss)


def train_scale(folder, loss, phases=({"steps": 30, "learning_rate": 0.1},), networks=None, **settings):
    given = Training(**{"patch": (16, 16), "batch": 2, "phases": phases, "validation_every": 10, **settings})
    images = Held(np.random.default_rng(0).random((20, 20), dtype=np.float32))
    source = [Sampler(images, PLAIN, given, 0, (name,), "cpu", False) for name in ("training", "validation")]
    task = Task(
        method=method(loss, **(networks or {"only": Scale(0)})),
        params=ScaleParams(training=given),
        problem=Problem(kind="denoising"),
        training=source[0],
        validation=source[1],
        seed=0,
        address=("train",),
        device="cpu",
        title="scale",
    )
    return train(task, Checkpoint(folder, {}), 1e9)


def squared(network, batch, problem, params):
    return ((network(batch.measurement) - 2 * batch.target) ** 2).mean()


@pytest.mark.parametrize("optimiser", ["adam", "rmsprop", "nesterov"])
def test_every_optimiser_finds_the_factor(tmp_path, optimiser):
    phases = ({"steps": 150, "learning_rate": 0.1}, {"steps": 50, "learning_rate": 0.01})
    network, progress = train_scale(tmp_path, squared, phases, optimiser=optimiser, momentum=0.5)
    assert network.factor.item() == pytest.approx(2, abs=0.02)
    assert [line["step"] for line in progress.lines] == list(range(10, 201, 10))
    assert not network.training


def test_weight_decay_is_that_of_half_the_squared_weights(tmp_path):
    """Minimum of (f - 2)^2 m + d f^2 / 2, where m is the mean squared value of the one constant image."""
    image = Held(np.ones((16, 16), np.float32))
    given = Training(patch=(16, 16), batch=1, weight_decay=0.5, phases=[{"steps": 400, "learning_rate": 0.02}])
    source = Sampler(image, PLAIN, given, 0, ("a",), "cpu", False)
    task = Task(
        method=method(squared, only=Scale(0)),
        params=ScaleParams(training=given),
        problem=Problem(kind="denoising"),
        training=source,
        validation=source,
        seed=0,
        address=("train",),
        device="cpu",
        title="scale",
    )
    network, _ = train(task, Checkpoint(tmp_path, {}), 1e9)
    assert network.factor.item() == pytest.approx(4 / 2.5, abs=0.01)


def test_each_loss_moves_its_own_network_only(tmp_path):
    def losses(networks, batch, problem, params):
        first, second = networks["first"](batch.measurement), networks["second"](batch.measurement)
        # The second loss looks through the first network, and must not move it.
        return {"first": ((first - batch.target) ** 2).mean(), "second": ((second + first) ** 2).mean()}

    networks = {"first": Scale(0.5), "second": Scale(0)}
    phases = ({"steps": 200, "learning_rate": 0.05},)
    trained, progress = train_scale(tmp_path, losses, phases, networks, momentum=0.5, keep="last")
    assert trained["first"].factor.item() == pytest.approx(1, abs=0.03)
    assert trained["second"].factor.item() == pytest.approx(-1, abs=0.03)
    assert {"loss_first", "loss_second", "validation_error"} <= set(progress.lines[0])


def test_normalisation_can_be_frozen(tmp_path):
    phases = ({"steps": 5, "learning_rate": 1e-3}, {"steps": 5, "learning_rate": 1e-3, "frozen_normalisation": True})
    network, _ = train_scale(tmp_path, squared, phases, keep="last")
    assert int(network.normalisation.num_batches_tracked) == 5


def test_the_best_weights_are_kept_or_the_last(tmp_path):
    # A rate so large that every step overshoots: the first validation is the best.
    wild = ({"steps": 20, "learning_rate": 0.1}, {"steps": 10, "learning_rate": 50.0})
    best, progress = train_scale(tmp_path / "a", squared, wild, keep="best")
    last, _ = train_scale(tmp_path / "b", squared, wild, keep="last")
    errors = [line["validation_error"] for line in progress.lines]
    assert progress.best_error == min(errors) < errors[-1]
    assert abs(best.factor.item() - 2) < abs(last.factor.item() - 2)


def test_a_loss_that_is_not_finite_is_one_sentence(tmp_path):
    def broken(network, batch, problem, params):
        return network(batch.measurement).mean() * float("nan")

    with pytest.raises(UserError, match="the loss of 'network' is nan at step 1; a smaller learning rate may help"):
        train_scale(tmp_path, broken)


def test_no_phases_leave_the_weights_as_they_are(tmp_path):
    network, progress = train_scale(tmp_path, squared, ())
    assert network.factor.item() == 0
    assert progress.facts()["steps_per_second"] is None


@pytest.mark.parametrize("settings", [{"precision": "bfloat16"}, {"channels_last": True}])
def test_other_arithmetic_and_layout_train_as_well(tmp_path, settings):
    splits = [read_index(training_jobs.write_truths(tmp_path, split, 2)) for split in ("train", "validation")]
    results = {}
    for name, more in {"plain": {}, "other": settings}.items():
        spec = training_jobs.spec({"phases": [{"steps": 20, "learning_rate": 1e-3}], **more})
        _, progress, _ = train_networks(spec, "", TrainingData(*splits), tmp_path / name, "cpu", 1e9)
        results[name] = progress.lines[-1]["validation_error"]
    assert results["other"] == pytest.approx(results["plain"], rel=0.05)
