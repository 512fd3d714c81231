"""Differentiable augmentation: colour, translation and cutout."""

from typing import get_args

import pytest
import torch

from hemabalance.training.augmentation_policy import Kind
from hemabalance.training.differentiable_augmentation import differentiable_augmentation

KINDS = get_args(Kind)
SIDE = 16
every_kind = pytest.mark.parametrize("kind", KINDS)


def rng(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def noise(count: int = 6, side: int = SIDE) -> torch.Tensor:
    return torch.rand((count, 3, side, side), generator=rng(3)) * 1.8 - 0.9


@every_kind
def test_gradients_flow_through_each_kind_to_every_image(kind: Kind) -> None:
    images = noise().requires_grad_()
    differentiable_augmentation(images, (kind,), rng()).square().sum().backward()
    assert images.grad is not None
    assert (images.grad.abs().flatten(1).sum(1) > 0).all()


@every_kind
def test_the_gradient_is_that_of_the_function(kind: Kind) -> None:
    images = noise(2, 4).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda x: differentiable_augmentation(x, (kind,), rng()), (images,))


@every_kind
def test_each_image_gets_its_own_random_numbers(kind: Kind) -> None:
    one = noise(1).expand(8, -1, -1, -1)
    augmented = differentiable_augmentation(one, (kind,), rng())
    assert len(torch.unique(augmented, dim=0)) > 4
    assert augmented.shape == one.shape
    assert torch.equal(augmented, differentiable_augmentation(one, (kind,), rng()))
    assert not torch.equal(augmented, differentiable_augmentation(one, (kind,), rng(2)))


def test_colour_shifts_all_pixels_alike_and_scales_the_distances_from_the_means() -> None:
    images = noise(64)
    augmented = differentiable_augmentation(images, ("colour",), rng())
    shift = augmented.mean((1, 2, 3)) - images.mean((1, 2, 3))  # saturation and contrast keep the mean
    assert -0.5 <= shift.min() < -0.3 < 0.3 < shift.max() <= 0.5
    grey = [x.mean(1) - x.mean((1, 2, 3))[:, None, None] for x in (images, augmented)]
    contrast = (grey[1] / grey[0]).flatten(1).median(1).values
    torch.testing.assert_close(grey[1], grey[0] * contrast[:, None, None], atol=1e-4, rtol=1e-4)
    assert 0.5 <= contrast.min() < 0.65 < 1.35 < contrast.max() <= 1.5
    chroma = [x - x.mean(1, keepdim=True) for x in (images, augmented)]
    saturation = (chroma[1] / chroma[0]).flatten(1).median(1).values / contrast
    assert 0 <= saturation.min() < 0.3 < 1.7 < saturation.max() <= 2.0001


def test_translation_moves_pixels_by_up_to_an_eighth_and_fills_with_zero() -> None:
    images = noise(200)
    augmented = differentiable_augmentation(images, ("translation",), rng())
    seen = set()
    for image, moved in zip(images, augmented, strict=True):
        found = [
            (down, across)
            for down in range(-SIDE // 8, SIDE // 8 + 1)
            for across in range(-SIDE // 8, SIDE // 8 + 1)
            if torch.equal(moved, shifted(image, down, across))
        ]
        assert len(found) == 1
        seen |= set(found)
    assert len(seen) == 25


def shifted(image: torch.Tensor, down: int, across: int) -> torch.Tensor:
    padded = torch.zeros(3, 3 * SIDE, 3 * SIDE)
    padded[:, SIDE + down : 2 * SIDE + down, SIDE + across : 2 * SIDE + across] = image
    return padded[:, SIDE : 2 * SIDE, SIDE : 2 * SIDE]


def test_cutout_sets_a_square_of_half_the_side_to_zero_that_may_reach_over_the_edge() -> None:
    images = torch.ones(300, 3, SIDE, SIDE)
    cut = differentiable_augmentation(images, ("cutout",), rng()) == 0
    assert (cut == cut[:, :1]).all()
    heights, widths = cut[:, 0].any(2).sum(1), cut[:, 0].any(1).sum(1)
    assert torch.equal(cut[:, 0].sum((1, 2)), heights * widths)
    assert set(heights.tolist()) == set(widths.tolist()) == {4, 5, 6, 7, 8}
    uncut = noise(300)
    kept = differentiable_augmentation(uncut, ("cutout",), rng())
    assert torch.equal(kept, uncut * ~cut)


def test_without_a_kind_the_images_are_unchanged_and_kinds_follow_one_another() -> None:
    images, state = noise(), rng()
    assert torch.equal(differentiable_augmentation(images, (), state), images)
    moved = differentiable_augmentation(images, ("translation",), state)
    both = differentiable_augmentation(images, ("translation", "cutout"), rng())
    assert torch.equal(both, differentiable_augmentation(moved, ("cutout",), state))


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="augmentation 'color' is none of colour, translation, cutout"):
        differentiable_augmentation(noise(), ("color",), rng())  # type: ignore[arg-type]
