import numpy as np
import pytest

from hemabalance.dataset.geometry import Fit, fit_square

RED, BLUE = (200, 20, 30), (10, 40, 220)
FITS: list[Fit] = ["crop", "pad"]
both_fits = pytest.mark.parametrize("fit", FITS)


def noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), np.uint8)


def disk(side: int, centre: tuple[float, float], radius: float) -> np.ndarray:
    y, x = np.mgrid[:side, :side] + 0.5
    inside = (y - centre[0]) ** 2 + (x - centre[1]) ** 2 < radius**2
    return np.where(inside[..., None], np.uint8(255), np.uint8(0)).repeat(3, axis=2)


def diameter_and_centre(image: np.ndarray) -> tuple[float, float, float]:
    weight = image[..., 0] / 255.0
    y, x = np.mgrid[: len(image), : len(image)] + 0.5
    area = weight.sum()
    return 2 * (area / np.pi) ** 0.5, (y * weight).sum() / area, (x * weight).sum() / area


@both_fits
@pytest.mark.parametrize("field", [0.3, 0.9, 1.0])
@pytest.mark.parametrize(
    ("height", "width"), [(360, 363), (400, 400), (33, 100), (100, 33), (1, 1), (1, 7), (101, 100), (575, 339)]
)
def test_shape_and_no_new_colours(height: int, width: int, field: float, fit: Fit) -> None:
    image = np.full((height, width, 3), RED, np.uint8)
    square = fit_square(image, size=48, fit=fit, field=field)
    assert square.shape == (48, 48, 3)
    assert square.dtype == np.uint8
    assert (square == RED).all()


@both_fits
def test_square_of_the_size_stays_as_it_is(fit: Fit) -> None:
    image = noise(64, 64)
    assert np.array_equal(fit_square(image, size=64, fit=fit, field=1.0), image)


def test_crop_cuts_the_longer_side() -> None:
    image = noise(40, 60)
    assert np.array_equal(fit_square(image, size=40, fit="crop", field=1.0), image[:, 10:50])
    turned = image.transpose(1, 0, 2)
    assert np.array_equal(fit_square(turned, size=40, fit="crop", field=1.0), turned[10:50])


def test_pad_keeps_all_and_repeats_the_border() -> None:
    image = noise(40, 60)
    square = fit_square(image, size=60, fit="pad", field=1.0)
    assert np.array_equal(square[10:50], image)
    assert (square[:10] == image[0]).all()
    assert (square[50:] == image[-1]).all()


def test_padding_has_the_colour_of_the_border_only() -> None:
    image = np.full((60, 120, 3), BLUE, np.uint8)
    image[12:48, 12:108] = RED
    square = fit_square(image, size=60, fit="pad", field=1.0)
    assert (square[:16] == BLUE).all()
    assert (square[-16:] == BLUE).all()
    assert (square[26:34, 26:34] == RED).all()


@both_fits
def test_square_lies_in_the_middle(fit: Fit) -> None:
    image = noise(61, 90)
    square = fit_square(image, size=32, fit=fit, field=0.8).astype(int)
    turned = fit_square(image[::-1, ::-1], size=32, fit=fit, field=0.8).astype(int)
    assert abs(square[::-1, ::-1] - turned).max() <= 1


@both_fits
@pytest.mark.parametrize("field", [0.5, 0.8, 0.9, 1.0])
@pytest.mark.parametrize("size", [100, 200])
def test_field_enlarges_about_the_centre(fit: Fit, field: float, size: int) -> None:
    image = disk(200, (110.0, 85.0), 30.0)
    before, after = diameter_and_centre(image), diameter_and_centre(fit_square(image, size=size, fit=fit, field=field))
    scale = size / 200 / field
    assert after[0] == pytest.approx(before[0] * scale, rel=0.01)
    assert after[1] == pytest.approx(size / 2 + (before[1] - 100) * scale, abs=0.2)
    assert after[2] == pytest.approx(size / 2 + (before[2] - 100) * scale, abs=0.2)


def test_fine_pattern_becomes_grey() -> None:
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)[..., None].repeat(3, axis=2)
    square = fit_square(board, size=48, fit="crop", field=1.0).astype(float)
    assert square.mean() == pytest.approx(127.5, abs=1)
    assert square.std() < 3


@both_fits
def test_input_is_not_modified(fit: Fit) -> None:
    image = noise(30, 50)
    before = image.copy()
    fit_square(image, size=16, fit=fit, field=0.9)
    assert np.array_equal(image, before)
