"""The method trainable_wiener: its loss over several instruments, what it learns, and how it restores."""

from pathlib import Path

import numpy as np
import pytest
import torch
from deconvolution_problems import Blur, lopsided_kernel, problem_of, square_and_slope
from pydantic import ValidationError

from reconbench.config.loading import load
from reconbench.contracts import Batch, Problem
from reconbench.convolution import squared_gradient, transfer_function
from reconbench.errors import UserError
from reconbench.forward import moskalev_microscopes
from reconbench.methods import trainable_wiener
from reconbench.networks.wiener import PredictedLogWeight
from reconbench.training.losses import negative_psnr

HOME = Path(__file__).resolve().parents[2]


def another_kernel():
    kernel = np.random.default_rng(1).uniform(size=(9, 5)) ** 3
    return kernel / kernel.sum()


def params(**more):
    training = {"patch": (32, 32), **more.pop("training", {})}
    return trainable_wiener.Params(**{"kernel_size": (5, 5), "number": 24, "training": training, **more})


def test_the_network_is_made_without_asking_for_an_instrument():
    problem = Problem(kind="deconvolution", told=trainable_wiener.METHOD.told)
    for initialisation in ("xavier", "dct", "gabor"):
        given = params(number=3, initialisation=initialisation, weight="predicted", boundary="edge_taper")
        built = trainable_wiener.network(problem, given)
        assert built.direction.shape == (3, 5, 5)
        assert built.boundary == "edge_taper"
        assert isinstance(built.log_weight, PredictedLogWeight)


def toy_batch(noise=0.02, boundary="symmetric"):
    """Return one image under two instruments, and its truth."""
    truth = torch.from_numpy(square_and_slope())[None]
    forwards = (Blur(lopsided_kernel(), boundary), Blur(another_kernel(), boundary))
    measured = torch.stack([blur(truth) for blur in forwards])
    measured = measured + noise * torch.from_numpy(
        np.random.default_rng(0).normal(size=measured.shape).astype(np.float32)
    )
    return Batch(measurement=measured, target=torch.stack([truth, truth]), forwards=forwards)


def test_the_loss_is_the_mean_negative_psnr_within_half_of_each_point_spread_function():
    batch, given = toy_batch(), params()
    networks = trainable_wiener.network(Problem(kind="deconvolution"), given)
    value = float(trainable_wiener.loss(networks, batch, Problem(kind="deconvolution"), given).detach())
    first, second = networks(batch.measurement, [each.kernel for each in batch.forwards]).detach().numpy()[:, 0]
    truth = batch.target[0, 0].numpy()
    errors = [(first - truth)[2:-2, 3:-3], (second - truth)[4:-4, 2:-2]]
    assert value == pytest.approx(np.mean([10 * np.log10((error**2).mean()) for error in errors]), rel=1e-5)


def test_patches_that_vanish_without_half_the_point_spread_function_are_refused():
    batch, given = toy_batch(), params()
    small = Batch(measurement=batch.measurement[..., :8, :], target=batch.target[..., :8, :], forwards=batch.forwards)
    networks = trainable_wiener.network(Problem(kind="deconvolution"), given)
    with pytest.raises(UserError, match=r"\(8, 64\) pixels without the \(4, 2\) .* make `patch` larger than \(8, 4\)"):
        trainable_wiener.loss(networks, small, Problem(kind="deconvolution"), given)


def test_training_passes_the_best_tikhonov_filter_for_the_very_images():
    """It begins below it, so that what it gains is learned."""
    batch, problem = toy_batch(boundary="circular"), Problem(kind="deconvolution")
    given = params(boundary="circular")
    grid = tuple(batch.target.shape[2:])
    transfer = torch.stack([transfer_function(each.kernel, grid) for each in batch.forwards])[:, None]
    margins = [tuple(size // 2 for size in each.kernel.shape) for each in batch.forwards]

    def tikhonov(weight):
        filtered = transfer.conj() * torch.fft.rfft2(batch.measurement)
        estimate = torch.fft.irfft2(filtered / (transfer.abs().square() + weight * squared_gradient(grid)), s=grid)
        return float(negative_psnr(estimate, batch.target, margins).mean())

    best = min(tikhonov(weight) for weight in np.logspace(-3, 0, 31))
    networks = trainable_wiener.network(problem, given)
    optimiser, losses = torch.optim.Adam(networks.parameters(), lr=1e-2), []
    for _ in range(30):
        losses.append(trainable_wiener.loss(networks, batch, problem, given))
        optimiser.zero_grad()
        losses[-1].backward()
        optimiser.step()
    assert losses[0] > best + 1
    assert losses[-1] < best - 1


def test_restore_is_the_block_applied_and_may_be_clipped():
    spread = lopsided_kernel()
    problem = problem_of(Blur(spread, "symmetric"), told=trainable_wiener.METHOD.told)
    networks = trainable_wiener.network(problem, params()).eval()
    torch.nn.init.constant_(networks.log_weight, -6.0)
    measurement = problem.forward(torch.from_numpy(square_and_slope())).numpy()
    expected = networks(torch.from_numpy(measurement)[None, None], [spread]).detach().numpy()[0, 0]
    estimate = trainable_wiener.restore(measurement, problem, params(), "cpu", networks)
    np.testing.assert_array_equal(estimate, expected)
    assert estimate.max() > 0.7
    clipped = trainable_wiener.restore(measurement, problem, params(clip=(0.2, 0.6)), "cpu", networks)
    np.testing.assert_array_equal(clipped, expected.clip(np.float32(0.2), np.float32(0.6)))
    with pytest.raises(UserError, match=r"kernels of \(5, 5\) does not restore data of shape \(2, 56, 64\)"):
        trainable_wiener.restore(np.stack([measurement] * 2), problem, params(), "cpu", networks)


def test_the_defaults_are_the_best_initialisation_of_the_slides():
    given = trainable_wiener.Params()
    assert (given.kernel_size, given.number, given.initialisation) == ((3, 5, 5), 15, "dct")
    assert [phase.learning_rate for phase in given.training.phases] == [1e-3]
    assert given.training.optimiser == "adam"


def test_kernels_and_patches_must_have_as_many_axes():
    with pytest.raises(
        ValidationError, match=r"kernel_size \(5, 5\) and training.patch \(13, 128, 128\) must have as many"
    ):
        trainable_wiener.Params(kernel_size=(5, 5))


@pytest.mark.parametrize("scale", ["small", "paper"])
def test_every_microscope_of_the_training_has_a_validation_and_a_test_image(scale):
    """They take turns, so that fewer images than microscopes leave some out of tuning and of the mean."""
    benchmark = load({"scale": scale, "studies": ["trainable_wiener"]}, HOME, [HOME / "config.yaml"])
    problems, datasets = benchmark.part("problems"), benchmark.part("datasets")
    for name in ("wiener_3d_1_percent", "wiener_3d_3_percent", "wiener_2d_1_percent", "wiener_2d_3_percent"):
        splits = datasets[problems[name].dataset].splits
        microscopes = moskalev_microscopes.Params.model_validate(problems[name].forward.params).microscopes
        unseen = moskalev_microscopes.Params.model_validate(problems[f"{name}_unseen"].forward.params).microscopes
        assert len(microscopes) == 5 and not set(unseen) & set(microscopes)
        assert problems[f"{name}_unseen"].train_on == name
        for split in ("validation", "test"):
            # Patterns of a registry's files are many images each.
            assert not isinstance(splits[split], int) or splits[split] >= len(microscopes)
