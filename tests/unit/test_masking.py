"""Masked pixels: how many there are, where they lie, and what stands in their place."""

import numpy as np
import pytest
import torch
from scipy import stats

from reconbench.training.masking import independent_mask, replaced_by_noise, stratified_mask


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def boxes(mask, side):
    """How many pixels are chosen in each whole box, by image."""
    whole = mask[(..., *(slice(size // side * side) for size in mask.shape[2:]))]
    for axis in range(2, mask.ndim):
        whole = whole.unfold(axis, side, side)
    return whole.flatten(start_dim=mask.ndim).sum(dim=-1)


@pytest.mark.parametrize(
    ("shape", "side"), [((3, 1, 70, 42), 14), ((2, 1, 18, 24, 12), 6)], ids=["an image", "a volume"]
)
def test_each_box_has_one_chosen_pixel(shape, side):
    """Of 0.5 per cent: 1 / 14^2 is 0.51 per cent, 1 / 6^3 is 0.46 per cent (Papkov et al. 2023)."""
    mask = stratified_mask(shape, 0.005, generator())
    assert (mask.dtype, mask.shape) == (torch.bool, shape)
    assert boxes(mask, side).eq(1).all()
    assert int(mask.sum()) == shape[0] * np.prod([size // side for size in shape[2:]])


@pytest.mark.parametrize(("fraction", "side"), [(0.25, 2), (0.01, 10), (0.9, 1)])
def test_the_side_of_a_box_follows_from_the_fraction(fraction, side):
    mask = stratified_mask((1, 1, 40, 60), fraction, generator())
    assert boxes(mask, side).eq(1).all()


def test_images_of_a_batch_are_masked_differently():
    mask = stratified_mask((2, 1, 70, 70), 0.005, generator())
    assert not torch.equal(mask[0], mask[1])


def test_pixels_outside_of_the_patch_are_dropped():
    """Of the 3 x 2 boxes two lie inside; one lies half below the edge, two half beside it, one both."""
    mask = stratified_mask((4000, 1, 35, 21), 0.005, generator())
    assert boxes(mask, 14).eq(1).all()
    numbers = [int(part.sum()) / 4000 for part in (mask[..., :28, :14], mask[..., 28:, :14], mask[..., :28, 14:])]
    assert numbers[0] == 2
    # Standard deviations of these means are 0.008 and 0.011.
    assert numbers[1:] == pytest.approx([0.5, 1.0], abs=0.04)
    assert int(mask[..., 28:, 14:].sum()) / 4000 == pytest.approx(0.25, abs=0.03)


@pytest.mark.parametrize(("shape", "side"), [((4, 1, 140, 140), 14), ((4, 1, 24, 30, 36), 6)])
def test_all_places_in_a_box_are_equally_likely(shape, side):
    """A chi-square test of where in the box the pixel lies, over 60 draws."""
    draws = generator(1)
    counts = np.zeros((side,) * (len(shape) - 2), dtype=int)
    for _ in range(60):
        places = torch.nonzero(stratified_mask(shape, 0.005, draws))[:, 2:] % side
        np.add.at(counts, tuple(places.numpy().T), 1)
    assert counts.mean() > 100
    assert 0.001 < stats.chisquare(counts.ravel()).pvalue < 0.999


def test_an_independent_mask_has_its_density_in_every_pixel():
    draws = generator(2)
    counts = sum(independent_mask((2, 1, 50, 60), 0.3, draws).int() for _ in range(400)).numpy()
    # Each count is binomial, with a variance of 400 x 0.3 x 0.7.
    assert counts.mean() == pytest.approx(120, abs=0.5)
    assert counts.var() == pytest.approx(84, rel=0.07)
    for one, other in ((counts[..., 1:], counts[..., :-1]), (counts[0], counts[1])):
        assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.06
    assert not independent_mask((2, 1, 50, 60), 0.0, draws).any()


def test_the_same_generator_gives_the_same_pixels():
    for choose in (stratified_mask, independent_mask):
        first, again, other = (choose((2, 1, 64, 64), 0.05, generator(seed)) for seed in (3, 3, 4))
        assert torch.equal(first, again)
        assert not torch.equal(first, other)


def test_noise_stands_in_the_place_of_masked_pixels_only():
    image = 5 + torch.rand(4, 1, 100, 100, generator=generator())
    before = image.clone()
    mask = independent_mask(image.shape, 0.5, generator(5))
    draws = generator(6)
    first, second = (replaced_by_noise(image, mask, 0.2, draws) for _ in range(2))
    assert torch.equal(image, before)
    assert torch.equal(first[~mask], image[~mask])
    noise = first[mask]
    # 20 000 draws: standard errors of 0.0014 and 0.001.
    assert float(noise.mean()) == pytest.approx(0, abs=0.005)
    assert float(noise.std()) == pytest.approx(0.2, abs=0.004)
    # Drawn anew for each image, and at each call.
    assert abs(np.corrcoef(noise, second[mask])[0, 1]) < 0.03
    assert torch.equal(first, replaced_by_noise(image, mask, 0.2, generator(6)))


def test_a_patch_smaller_than_a_box_has_a_masked_pixel_in_every_draw():
    for seed in range(50):
        mask = stratified_mask((3, 1, 4, 9), 0.005, torch.Generator().manual_seed(seed))
        assert mask.flatten(1).sum(1).tolist() == [1, 1, 1]
