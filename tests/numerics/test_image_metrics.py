"""SSIM, PSNR, colour difference and colour statistics against closed forms and reference values."""

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from skimage.color import deltaE_ciede2000

from hemabalance.metrics.colour_difference import delta_e
from hemabalance.metrics.colour_statistics import COLUMNS, colour_statistics
from hemabalance.metrics.ssim_psnr import psnr, ssim

# Sharma, Wu, Dalal 2005, Table 1: L, a, b of both colours and their difference.
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425 | 50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412 | 50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000 | 50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669 | 50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792 | 50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195 | 50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045 | 50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461 | 50 2.5000 0 50 0 -2.5000 4.3065
50 2.5 0 73 25 -18 27.1492 | 50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030 | 50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000 | 50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000 | 50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644 | 63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731 | 35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373 | 36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441 | 90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377 | 2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
PAIRS = np.array([line.split() for line in SHARMA.strip().replace("|", "\n").splitlines()], float)


def noise(n: int, side: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (n, side, side, 3), dtype=np.uint8)


def flat(level: int, n: int = 1, side: int = 16) -> np.ndarray:
    return np.full((n, side, side, 3), level, np.uint8)


def reference_ssim(a: np.ndarray, b: np.ndarray) -> float:
    """SSIM as defined by Wang et al. 2004: 11 x 11 Gaussian window, sigma 1.5, K = 0.01 and 0.03."""

    def window(values: np.ndarray) -> np.ndarray:
        return gaussian_filter(values, (1.5, 1.5, 0), radius=(5, 5, 0))[5:-5, 5:-5]

    x, y = a.astype(float), b.astype(float)
    mean_x, mean_y = window(x), window(y)
    var_x, var_y = window(x * x) - mean_x**2, window(y * y) - mean_y**2
    covariance = window(x * y) - mean_x * mean_y
    c_1, c_2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    top = (2 * mean_x * mean_y + c_1) * (2 * covariance + c_2)
    return float((top / ((mean_x**2 + mean_y**2 + c_1) * (var_x + var_y + c_2))).mean())


def test_ssim_agrees_with_its_definition() -> None:
    a = noise(3, 24, 1)
    b = np.clip(a.astype(int) + np.random.default_rng(2).integers(-60, 60, a.shape), 0, 255).astype(np.uint8)
    values = ssim(a, b)
    assert values == pytest.approx([reference_ssim(x, y) for x, y in zip(a, b, strict=True)], abs=1e-12)
    assert (values < 0.99).all()


def test_ssim_of_flat_images_compares_their_levels() -> None:
    c_1 = (0.01 * 255) ** 2
    assert ssim(flat(100), flat(150)) == pytest.approx([(2 * 100 * 150 + c_1) / (100**2 + 150**2 + c_1)])
    assert ssim(noise(2, 16, 1), noise(2, 16, 1)) == pytest.approx([1, 1], abs=1e-12)


@pytest.mark.parametrize("difference", [1, 5, 255])
def test_psnr_of_a_known_difference(difference: int) -> None:
    assert psnr(flat(0, 2), flat(difference, 2)) == pytest.approx([20 * math.log10(255 / difference)] * 2)


def test_psnr_of_identical_images_is_that_of_the_least_difference() -> None:
    a = noise(2, 16, 1)
    b = a.copy()
    b[1, 3, 4, 2] ^= 1
    assert psnr(a, b) == pytest.approx([10 * math.log10(255**2 * 16 * 16 * 3)] * 2)
    assert np.isfinite(psnr(a, a)).all()


@pytest.mark.parametrize("pair", PAIRS)
def test_colour_difference_on_the_published_pairs(pair: np.ndarray) -> None:
    assert deltaE_ciede2000(pair[:3], pair[3:6]) == pytest.approx(pair[6], abs=5e-5)


def lightness(level: int) -> float:
    """L* (CIELAB) of a grey sRGB level."""
    value = level / 255
    linear = ((value + 0.055) / 1.055) ** 2.4 if value > 0.04045 else value / 12.92
    return 116 * linear ** (1 / 3) - 16


@pytest.mark.parametrize(("dark", "bright"), [(40, 60), (120, 125), (90, 250)])
def test_colour_difference_of_greys_is_their_weighted_lightness(dark: int, bright: int) -> None:
    low, high = lightness(dark), lightness(bright)
    offset = ((low + high) / 2 - 50) ** 2
    expected = (high - low) / (1 + 0.015 * offset / math.sqrt(20 + offset))
    assert delta_e(flat(dark), flat(bright)) == pytest.approx([expected], abs=1e-3)


def test_colour_difference_is_a_mean_over_pixels() -> None:
    assert delta_e(flat(0), flat(255)) == pytest.approx([100], abs=1e-3)
    half = flat(0, 2)
    half[0, :8] = 255
    assert delta_e(flat(0, 2), half) == pytest.approx([50, 0], abs=1e-3)
    assert delta_e(half, flat(0, 2)) == pytest.approx([50, 0], abs=1e-3)


def test_statistics_of_a_flat_image_are_its_colour() -> None:
    red = np.full((2, 8, 8, 3), (255, 0, 0), np.uint8)
    table = dict(zip(COLUMNS, colour_statistics(red)[1], strict=True))
    colour = {"red": 255, "green": 0, "blue": 0, "lightness": 53.24, "green_red": 80.09, "blue_yellow": 67.20}
    for channel, value in colour.items():
        assert table[f"{channel}_std"] == pytest.approx(0, abs=1e-9)
        for statistic in ("mean", "p5", "p25", "p50", "p75", "p95"):
            assert table[f"{channel}_{statistic}"] == pytest.approx(value, abs=0.01)


def test_statistics_of_a_ramp() -> None:
    ramp = np.zeros((1, 10, 10, 3), np.uint8)
    ramp[0, ..., 1] = np.arange(100).reshape(10, 10)
    table = dict(zip(COLUMNS, colour_statistics(ramp)[0], strict=True))
    assert table["green_mean"] == pytest.approx(49.5)
    assert table["green_std"] == pytest.approx(np.arange(100).std())
    assert [table[f"green_p{p}"] for p in (5, 25, 50, 75, 95)] == pytest.approx([4.95, 24.75, 49.5, 74.25, 94.05])
    assert table["red_mean"] == table["blue_p95"] == 0


def test_statistics_do_not_depend_on_the_order_of_pixels() -> None:
    image = noise(1, 12, 3)
    shuffled = np.random.default_rng(4).permutation(image.reshape(-1, 3)).reshape(image.shape)
    assert colour_statistics(shuffled) == pytest.approx(colour_statistics(image))


@pytest.mark.parametrize("measure", [ssim, psnr, delta_e])
def test_pairs_must_match(measure) -> None:
    with pytest.raises(ValueError, match="images must"):
        measure(flat(1, 2), flat(1, 3))
    assert measure(flat(1, 0), flat(1, 0)).shape == (0,)


def test_no_images_have_no_statistics() -> None:
    assert colour_statistics(flat(1, 0)).shape == (0, 42)
