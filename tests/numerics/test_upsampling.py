"""Resize up-sampling compared with its explicit form, and the checkerboard artefacts that it avoids."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from hemabalance.networks.layers import Upsample, initialise


def upsample(up: str) -> Upsample:
    block = Upsample(6, 5, up, bias=True)
    initialise(block, torch.Generator().manual_seed(0))
    with torch.no_grad():
        block.convolution.bias += torch.arange(5) / 100
    return block.double()


def nyquist_share(response: Tensor) -> float:
    """Ratio of the power at the pixel frequency, along rows, columns or both, to that of the mean; without borders."""
    interior = response[..., 4:-4, 4:-4]
    power = torch.fft.fft2(interior).abs().square().sum(dim=(0, 1))
    half = interior.shape[-1] // 2
    return ((power[half, 0] + power[0, half] + power[half, half]) / power[0, 0]).item()


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 3), (2, 2), (5, 8)])
def test_resize_equals_doubling_and_a_convolution_with_reflected_borders(height, width):
    block = upsample("resize")
    x = torch.randn(2, 6, height, width, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    doubled = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    padded = functional.pad(doubled, (1, 1, 1, 1), mode="reflect")
    expected = functional.conv2d(padded, block.convolution.weight, block.convolution.bias)
    torch.testing.assert_close(block(x), expected, rtol=0, atol=1e-14)


def test_a_constant_map_stays_constant_under_resize_and_not_under_transposed():
    constant = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(1, 6, 1, 1).expand(1, 6, 12, 12)
    resized = upsample("resize")(constant)
    assert (resized.amax(dim=(2, 3)) - resized.amin(dim=(2, 3))).max() < 1e-14
    assert nyquist_share(resized) < 1e-25
    assert nyquist_share(upsample("transposed")(constant)) > 0.1


def test_resize_of_a_smooth_map_has_little_power_at_the_pixel_frequency():
    ramp = torch.linspace(-1, 1, 24, dtype=torch.float64)
    smooth = torch.stack([torch.cos(k * ramp)[:, None] * torch.cos((k + 1) * ramp) for k in range(6)])[None]
    assert nyquist_share(upsample("resize")(smooth)) < 1e-3 * nyquist_share(upsample("transposed")(smooth))
