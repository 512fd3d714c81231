"""The residual generator of CycleGAN."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from hemabalance.networks.layers import (
    ReflectedResidual,
    at_least_float32,
    check_images,
    check_positive,
    check_size,
    instance_norm,
)

_NAME = "ResNet generator"


class ResnetGenerator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to the same; the generator of CycleGAN (Zhu et al., ICCV 2017, arXiv:1703.10593).

    In the paper's notation, with width k: c7s1-k, d2k, d4k, R4k x blocks, u2k, uk, c7s1-3; reflection padding,
    instance normalisation, ReLU, tanh. The paper uses 9 blocks from 256 px on and 6 below; here the caller decides.

    One difference from the paper: no biases before a normalisation. At width 64 with 9 blocks: 11,372,931 parameters;
    the reference implementation has 5,248 such biases more, 11,378,179 parameters.
    """

    min_size: ClassVar[int] = 16
    multiple: ClassVar[int] = 4

    def __init__(self, size: int, width: int, blocks: int) -> None:
        """Build for square images of `size` px.

        Args:
            size: at least 16 px and divisible by 4.
            width: channels at full size; 64 in the paper.
            blocks: residual blocks at a quarter of the size.

        Raises:
            ValueError: invalid size, width or number of blocks.
        """
        super().__init__()
        check_size(_NAME, size, self.min_size, self.multiple)
        check_positive(_NAME, width=width, blocks=blocks)
        self.size = size
        layers = [nn.Conv2d(3, width, 7, padding=3, padding_mode="reflect", bias=False), *_norm_and_relu(width)]
        for channels in (width, 2 * width):
            layers += [
                nn.Conv2d(channels, 2 * channels, 3, stride=2, padding=1, bias=False),
                *_norm_and_relu(2 * channels),
            ]
        layers += [ReflectedResidual(4 * width) for _ in range(blocks)]
        for channels in (2 * width, width):
            layers += [
                nn.ConvTranspose2d(2 * channels, channels, 3, stride=2, padding=1, output_padding=1, bias=False),
                *_norm_and_relu(channels),
            ]
        layers.append(nn.Conv2d(width, 3, 7, padding=3, padding_mode="reflect"))
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to the same shape, in [-1, 1]; float32 also under autocast."""
        check_images(_NAME, x, self.size)
        return torch.tanh(at_least_float32(self.body(x)))


def _norm_and_relu(channels: int) -> tuple[nn.Module, nn.Module]:
    return instance_norm(channels), nn.ReLU(inplace=True)
