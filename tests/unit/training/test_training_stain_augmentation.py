"""Random stain, light and camera, and random focus, noise and occlusion."""

import math

import pytest
import torch
from torch import Tensor

from helpers.seeds import seeded
from hemabalance.training.capture_augmentation import (
    BLUR_SHARE,
    CUT,
    CUT_SHARE,
    DEFOCUS_SHARE,
    NOISE,
    SHARPEN_SHARE,
    add_noise,
    augment_capture,
    change_focus,
    cover,
    defocus,
)
from hemabalance.training.stain_augmentation import (
    GREY_SHARE,
    LIGHT_RANGE,
    augment_stain,
    change_camera,
    change_light,
    change_stain,
    light_of,
    optical_density,
    transmitted,
)

MANY = 4000
every_part = pytest.mark.parametrize("part", [augment_stain, augment_capture])


def random_images(n: int = 6, side: int = 16) -> Tensor:
    return torch.rand((n, 3, side, side), generator=seeded(1)) * 2 - 1


def extreme_images() -> Tensor:
    """Black, white, pure colours, and black with one white pixel."""
    corners = torch.cartesian_prod(*[torch.tensor([-1.0, 1.0])] * 3)
    images = corners[:, :, None, None].repeat(1, 1, 12, 12)
    images[0, :, 5, 5] = 1
    return images


# --- both parts


@every_part
def test_any_image_stays_in_range_and_the_generator_decides(part) -> None:
    for images in (random_images(64), extreme_images(), random_images(3, 2), random_images(1)):
        before = images.clone()
        changed = part(images, 1.0, seeded(2))
        assert (changed.shape, changed.dtype) == (images.shape, torch.float32)
        assert torch.isfinite(changed).all()
        assert changed.abs().max() <= 1
        assert torch.equal(changed, part(images, 1.0, seeded(2)))
        assert not torch.equal(changed, part(images, 1.0, seeded(3)))
        assert torch.equal(images, before)  # not changed in place


@every_part
def test_each_image_is_changed_for_itself(part) -> None:
    alike = random_images(1).expand(32, -1, -1, -1)
    changed = part(alike, 0.6, seeded(2))
    assert len({tuple(image.flatten().tolist()) for image in changed}) == 32
    others = random_images(32)
    others[5] = alike[5]
    assert torch.allclose(part(others, 0.6, seeded(2))[5], changed[5], atol=1e-5)


# --- stain


def test_the_light_is_the_bright_background_and_density_is_inverted_exactly() -> None:
    images = torch.full((2, 3, 32, 32), 0.6)
    images[1, 0] = 0.2
    images[:, :, 8:24, 8:24] = -0.5  # the cell
    light = light_of(images)
    assert torch.allclose(light, torch.tensor([[0.8, 0.8, 0.8], [0.6, 0.8, 0.8]]))
    colours = (random_images(2, 32).flatten(2) + 1) / 2
    assert torch.allclose(transmitted(optical_density(colours, light), light), colours, atol=1e-6)
    assert optical_density((images.flatten(2) + 1) / 2, light)[:, :, 0].abs().max() < 1e-6
    assert light_of(torch.full((1, 3, 8, 8), -1.0)).tolist() == [[pytest.approx(0.1)] * 3]


def test_strength_0_changes_neither_stain_nor_the_colours_of_the_camera() -> None:
    density = torch.randn((MANY, 3, 5), generator=seeded(1))
    assert torch.allclose(change_stain(density, 0.0, seeded(2)), density, atol=1e-5)
    colours = torch.rand((MANY, 3, 5), generator=seeded(1))
    same = torch.isclose(change_camera(colours, 0.0, seeded(2)), colours, atol=1e-4).flatten(1).all(1)
    assert 1 - same.float().mean() == pytest.approx(GREY_SHARE, abs=0.015)  # whatever the strength


def test_stain_changes_have_the_stated_spread() -> None:
    strength = 0.1  # small, so that the numbers are normal
    density = torch.tensor([1.0, 2.0]).repeat(MANY, 3, 1)
    density[:, 1:] = 0
    changed = change_stain(density, strength, seeded(2))
    first = changed[:, 0].log()
    power = (first[:, 1] - first[:, 0]) / math.log(2)
    assert power.log().std() == pytest.approx(0.18 * strength, rel=0.1)
    assert first[:, 0].std() == pytest.approx(strength * math.sqrt(0.25**2 + 0.1**2 + 0.15**2), rel=0.1)
    assert abs(first.mean()) < 0.5
    mixed = changed[:, 1, 0]  # of the first channel into the second, nearly in proportion
    assert mixed.abs().median() == pytest.approx(0.6745 * 0.1 * strength, rel=0.15)
    assert (mixed > 0).float().mean() == pytest.approx(0.5, abs=0.04)


def test_the_light_is_whiter_or_darker_in_the_stated_range() -> None:
    light = torch.tensor([0.9, 0.8, 0.7]).repeat(MANY, 1)
    factors = (1 - change_light(light, 1e-6, seeded(2))) / (1 - light)
    assert torch.allclose(factors[:, 0], factors[:, 2], atol=1e-4)
    assert factors.min() < 0.02
    assert LIGHT_RANGE - 0.02 < factors.max() <= LIGHT_RANGE + 1e-4
    assert factors.mean() == pytest.approx(LIGHT_RANGE / 2, abs=0.05)
    between = torch.log((1 - change_light(light, 0.5, seeded(2))) / (1 - light)).diff(dim=1)
    assert between.std() == pytest.approx(0.3 * 0.5 * math.sqrt(2), rel=0.1)


def test_the_camera_turns_hues_and_keeps_grey_grey() -> None:
    strength, grey = 0.2, torch.tensor([0.5, 0.7]).repeat(MANY, 3, 1)
    changed = change_camera(grey, strength, seeded(2))
    assert (changed.amax(1) - changed.amin(1)).max() < 1e-2
    assert (changed[:, 0, 0] - 0.5).std() == pytest.approx(0.06 * strength, rel=0.1)
    contrast = (changed[:, 0, 1] - changed[:, 0, 0]) / 0.2
    assert contrast.log().std() == pytest.approx(0.15 * strength, rel=0.1)
    to_chroma = torch.tensor([[0.5959, -0.2746, -0.3213], [0.2115, -0.5227, 0.3112]])
    red = torch.tensor([0.6, 0.45, 0.45])
    coloured = change_camera(red[:, None].repeat(MANY, 1, 1), strength, seeded(3))[:, :, 0]
    chroma, first = coloured @ to_chroma.T, to_chroma @ red
    saturated = chroma.norm(dim=1) > 1e-3
    angle = torch.atan2(chroma[:, 1], chroma[:, 0]) - torch.atan2(first[1], first[0])
    assert angle[saturated].std() == pytest.approx(0.25 * strength, rel=0.1)
    assert 1 - saturated.float().mean() == pytest.approx(GREY_SHARE, abs=0.015)


# --- focus, noise and occlusion


def test_strength_0_changes_neither_focus_nor_noise_nor_covers_anything() -> None:
    assert torch.allclose(augment_capture(random_images(64), 0.0, seeded(2)), random_images(64), atol=1e-6)


def test_a_quarter_is_blurred_and_a_fifth_sharpened() -> None:
    n = 2000
    images = random_images(1, 24).expand(n, -1, -1, -1) * 0.5
    # A tiny blur of less than a fifth of a pixel changes nothing that is seen.
    changed = change_focus(images, 1.0, seeded(2)).flatten(1).std(dim=1) / images[0].std()
    assert (changed < 0.9999).float().mean() == pytest.approx(BLUR_SHARE, abs=0.13)
    assert 0.1 < (changed < 0.9999).float().mean() < BLUR_SHARE + 0.03
    assert 0.08 < (changed > 1.0001).float().mean() < SHARPEN_SHARE + 0.03
    untouched = (change_focus(images, 1.0, seeded(2)) == images).flatten(1).all(1).float().mean()
    assert untouched >= 1 - BLUR_SHARE - SHARPEN_SHARE - 0.03
    flat = torch.full((64, 3, 9, 9), -0.4)
    assert torch.allclose(change_focus(flat, 1.0, seeded(2)), flat, atol=1e-5)


def test_two_in_five_are_out_of_focus_by_up_to_the_stated_share_of_the_side() -> None:
    n, largest = 1000, 0.1
    image = torch.zeros(1, 3, 40, 40)
    image[..., 20, 20] = 1.0
    blurred = defocus(image.expand(n, -1, -1, -1), largest, seeded(2))
    changed = (blurred != image).flatten(1).any(1)
    assert changed.float().mean() == pytest.approx(DEFOCUS_SHARE, abs=0.05)
    assert torch.equal(blurred[~changed], image.expand(int((~changed).sum()), -1, -1, -1))
    row, places = blurred[:, 0].sum(dim=1), torch.arange(40) - 20.0
    deviations = (row * places.square()).sum(dim=1).div(row.sum(dim=1)).sqrt()
    assert deviations.max() == pytest.approx(0.1 * 40, rel=0.15)  # kernels end at twice their largest deviation
    assert deviations[changed].median() == pytest.approx(0.05 * 40, rel=0.2)


def test_noise_has_a_deviation_of_each_image() -> None:
    deviations = add_noise(torch.zeros((300, 3, 32, 32)), 0.5, seeded(2)).flatten(1).std(dim=1)
    assert deviations.min() < 0.002
    assert deviations.max() == pytest.approx(NOISE, rel=0.05)  # half of 2 NOISE
    assert deviations.mean() == pytest.approx(NOISE / 2, rel=0.1)


def test_a_square_of_some_images_has_their_mean_colour() -> None:
    images = random_images(1, 32).expand(MANY, -1, -1, -1)
    covered = cover(images, 0.6, seeded(2))
    hidden = (covered != images).any(1)
    assert hidden.flatten(1).any(1).float().mean() == pytest.approx(CUT_SHARE, abs=0.04)
    assert torch.allclose(covered.transpose(0, 1)[:, hidden], images[0].mean((1, 2))[:, None], atol=1e-6)
    rows, columns = hidden.any(2).sum(1), hidden.any(1).sum(1)
    assert torch.equal(hidden.flatten(1).sum(1), rows * columns)  # rectangles, cut off at the edges
    assert rows.max() <= math.ceil(0.6 * CUT * 32) + 1
    assert rows.max() >= 0.5 * CUT * 32
    assert hidden.float().mean(0).min() > 0  # anywhere
