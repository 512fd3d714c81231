"""Random augmentation of training images, and their preprocessing."""

import math

import pytest
import torch
from torch.nn import functional

from hemabalance.classify.augment import Strengths, augment, blur, move, rotate
from hemabalance.classify.preparation import Preparation

ALL = Strengths(rotate=1.0, colour=0.3, blur=1.0)


def generator(seed: int = 2) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def random_images(n: int = 6, side: int = 16) -> torch.Tensor:
    return torch.rand((n, 3, side, side), generator=generator(1)) * 2 - 1


@pytest.mark.parametrize(
    "strengths",
    [
        ALL,
        Strengths(0, 0, 0),
        Strengths(0.5, 0, 0),
        Strengths(0, 0.9, 0),
        Strengths(0, 0, 3.0),
        Strengths(0, 0, 0, stain=1),
        Strengths(0, 0, 0, defocus=0.1),
    ],
)
def test_shape_and_range_are_kept_and_the_generator_decides(strengths: Strengths) -> None:
    images = random_images(32)
    changed = augment(images, strengths, generator())
    assert changed.shape == images.shape
    assert changed.dtype == torch.float32
    assert changed.abs().max() <= 1
    assert torch.equal(changed, augment(images, strengths, generator()))
    assert not torch.equal(changed, augment(images, strengths, generator(3)))
    assert torch.equal(images, random_images(32))  # not changed in place


def test_without_strengths_images_are_in_one_of_eight_poses() -> None:
    image = random_images(1)
    poses = [start.rot90(k, (2, 3)) for k in range(4) for start in (image, image.flip(3))]
    changed = augment(image.expand(64, -1, -1, -1), Strengths(0, 0, 0), generator())
    assert {next(k for k, pose in enumerate(poses) if torch.equal(pose[0], result)) for result in changed} == set(
        range(8)
    )


def test_without_a_strength_no_random_number_is_drawn_for_stain_and_focus() -> None:
    drawn, without = generator(), generator()
    images = augment(random_images(), Strengths(0.5, 0.2, 0.2, stain=0.0, defocus=0.0), drawn)
    assert torch.equal(images, augment(random_images(), Strengths(0.5, 0.2, 0.2), without))
    assert torch.equal(drawn.get_state(), without.get_state())
    stained = augment(random_images(), Strengths(0.5, 0.2, 0.2, stain=0.6), generator())
    assert (stained - images).abs().mean() > 0.05
    unfocused = augment(random_images(), Strengths(0.5, 0.2, 0.2, defocus=0.1), generator())
    assert not torch.equal(unfocused, images)


# --- rotation


def wave(side: int) -> torch.Tensor:
    """A smooth function of the distance from the centre."""
    places = torch.arange(side) - (side - 1) / 2
    distance = (places[:, None].square() + places.square()).sqrt()
    return torch.cos(distance / 4).expand(8, 3, side, side)


def test_a_turned_disc_stays_a_disc_in_its_middle() -> None:
    images = wave(33)
    turned = rotate(images, 1.0, generator())
    places = torch.arange(33) - 16.0
    inside = (places[:, None].square() + places.square()).sqrt() < 15
    assert (turned - images)[:, :, inside].abs().max() < 0.02


def test_angles_are_of_either_sign_up_to_an_eighth_turn() -> None:
    side, n = 65, 200
    places = torch.arange(side) - 32.0
    spot = torch.exp(-((places[:, None]).square() + (places - 12).square()) / 8).expand(n, 3, side, side)
    turned = rotate(spot, 1.0, generator())[:, 0]
    weight = turned / turned.sum(dim=(1, 2), keepdim=True)
    rows, columns = (weight.sum(2) * places).sum(1), (weight.sum(1) * places).sum(1)
    angles = torch.atan2(rows, columns) * 180 / math.pi
    assert (rows.square() + columns.square()).sqrt() == pytest.approx(torch.full((n,), 12.0), abs=0.1)
    assert -45.5 < angles.min() < -40
    assert 40 < angles.max() < 45.5
    assert abs(angles.mean()) < 6


def test_the_share_is_turned_and_the_rest_untouched() -> None:
    images = random_images(400, 8)
    same = (rotate(images, 0.25, generator()) == images).flatten(1).all(1)
    assert 0.68 < same.float().mean() < 0.82
    assert torch.equal(rotate(images, 0.0, generator()), images)


def test_corners_are_filled_from_the_edges() -> None:
    grey = torch.full((4, 3, 16, 16), 0.3)
    assert torch.allclose(rotate(grey, 1.0, generator()), grey, atol=1e-6)


# --- blur


def test_blur_is_the_gaussian_of_its_deviation(monkeypatch: pytest.MonkeyPatch) -> None:
    spot = torch.zeros((1, 1, 21, 21))
    spot[0, 0, 10, 10] = 1
    monkeypatch.setattr(torch, "rand", lambda *_, **__: torch.ones(1))
    blurred = blur(spot, 1.5, generator())[0, 0]
    places = torch.arange(21) - 10.0
    assert blurred.sum() == pytest.approx(1, abs=1e-5)
    spread = (blurred.sum(0) * places.square()).sum().sqrt()
    assert 1.3 < spread < 1.5  # cut off at two deviations
    assert torch.allclose(blurred, blurred.T)
    assert blurred[10, 11] / blurred[10, 10] == pytest.approx(math.exp(-0.5 / 1.5**2), rel=1e-4)


def test_blur_leaves_flat_images_unchanged_and_each_image_has_its_own() -> None:
    flat = torch.full((3, 3, 9, 9), -0.4)
    assert torch.allclose(blur(flat, 2.0, generator()), flat, atol=1e-6)
    noise = random_images(1, 32).expand(5, -1, -1, -1)
    spreads = blur(noise, 2.0, generator()).std(dim=(1, 2, 3))
    assert len(set(spreads.tolist())) == 5
    assert (spreads <= noise[0].std() + 1e-6).all()


def test_a_tiny_blur_changes_almost_nothing() -> None:
    assert torch.allclose(blur(random_images(), 1e-3, generator()), random_images(), atol=1e-6)


# --- preparation


@pytest.mark.parametrize("target", [8, 16, 24, 33])
def test_resizing_is_interpolation_with_antialiasing(target: int) -> None:
    images = random_images()
    prepared = Preparation(16, target, (0.5,) * 3, (0.5,) * 3)(images)
    expected = functional.interpolate(images, size=(target, target), mode="bilinear", antialias=True)
    assert torch.allclose(prepared, expected, atol=1e-5)
    assert prepared.is_contiguous(memory_format=torch.channels_last)


def test_colours_are_normalised_with_mean_and_std() -> None:
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    prepared = Preparation(16, 16, mean, std)(random_images())
    unit = (random_images() + 1) / 2
    for k in range(3):
        assert torch.allclose(prepared[:, k], (unit[:, k] - mean[k]) / std[k], atol=1e-5)
    assert not Preparation(16, 24, mean, std).state_dict()


# --- zoom and shift


def spot(side: int = 33) -> torch.Tensor:
    """A Gaussian spot in the middle of an image."""
    axis = torch.arange(side) - (side - 1) / 2
    return torch.exp(-(axis[:, None] ** 2 + axis[None] ** 2) / 18).expand(1, 3, side, side)


def test_a_shift_moves_the_cell_by_at_most_its_share_of_the_side() -> None:
    images = spot().expand(200, -1, -1, -1)
    moved = move(images, 0.0, 0.2, generator())[:, 0]
    axis = torch.arange(33.0) - 16
    along = [(moved * axis.view(shape)).sum((1, 2)) / moved.sum((1, 2)) for shape in ((1, -1, 1), (1, 1, -1))]
    for distances in along:
        assert 5.5 < distances.abs().max() < 0.2 * 33 + 0.5
        assert abs(distances.mean()) < 1
    assert abs(torch.corrcoef(torch.stack(along))[0, 1]) < 0.3


def test_a_zoom_changes_the_area_of_the_cell_only() -> None:
    moved = move(spot().expand(200, -1, -1, -1), 0.3, 0.0, generator())[:, 0]
    sides = (moved.sum((1, 2)) / spot()[0, 0].sum()).sqrt()
    assert 0.69 < sides.min() < 0.75
    assert 1.25 < sides.max() < 1.31
    assert torch.allclose(moved[:, 16, 16], torch.tensor(1.0), atol=1e-4)


def test_moved_images_stay_within_their_range_and_equal_generators_move_alike() -> None:
    strengths = Strengths(0, 0, 0, zoom=0.4, shift=0.3)
    changed = augment(random_images(), strengths, generator())
    assert changed.abs().max() <= 1
    assert torch.equal(changed, augment(random_images(), strengths, generator()))
    assert not torch.equal(changed, augment(random_images(), Strengths(0, 0, 0), generator()))
