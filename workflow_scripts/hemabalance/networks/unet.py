"""The U-Net generator of W-CycleGAN-GP (thesis Fig. 24)."""

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import (
    Upsample,
    Upsampling,
    at_least_float32,
    check_images,
    check_positive,
    check_size,
    instance_norm,
)

_DEEPEST = 8
_NAME = "U-Net generator"
_WITHIN = 0.995  # of [-1, 1], where the inverse of tanh is finite: half a grey level at white


def unet_depth(size: int) -> int:
    """How often a side of `size` pixels halves evenly, at most 8: 256 -> 8, 128 -> 7, 96 -> 5, 64 -> 6."""
    return min((size & -size).bit_length() - 1, _DEEPEST)


class UNetGenerator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to the same; the U-Net of pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004).

    Down: 4x4 convolutions of stride 2, LeakyReLU 0.2, to 1x1 or an odd map. Up: ReLU, doubling (`Upsample`), and the
    map of the same size from the way down beside it. Channels double from `width` to 8 `width`. tanh at the end.

    Where it departs from pix2pix: instance normalisation instead of batch normalisation (thesis section 3.4), so
    one image's result never depends on its batch; and no dropout, which pix2pix keeps at test time as its noise: the
    normaliser must give one image one result. No normalisation after the first convolution (as there), nor on a map
    of one pixel, which has no spread. From one pixel to 2x2 the step is transposed also with `resize`: enlarging
    would make a constant, which stays one up to the next normalisation and is lost there, and the whole bottom level
    with it.

    `residual` is ours: a change of stain leaves the cell as it is, so the network need only learn the change. From
    nothing it takes thousands of steps to learn to draw cells at all, and where images are few it may never.

    At size 256 and width 64 with `transposed`: 54,404,675 parameters. pix2pix's reference has 54,413,955: 9,856
    scales and shifts of batch normalisation more, 576 biases (of the two unnormalised convolutions) less.
    """

    min_size: ClassVar[int] = 16
    multiple: ClassVar[int] = 8

    def __init__(self, size: int, width: int, up: Upsampling, residual: bool) -> None:
        """Build for square images of `size` px.

        Args:
            size: at least 16 px and divisible by 8.
            width: channels of the first level; 64 in the paper.
            up: how the decoder doubles, "transposed" (thesis) or "resize".
            residual: True adds the decoder's output to the image, False (thesis) takes it for the image.

        Raises:
            ValueError: a size, width or up-sampling that cannot be built, in plain words.
        """
        super().__init__()
        check_size(_NAME, size, self.min_size, self.multiple)
        check_positive(_NAME, width=width)
        self.size, self.residual = size, residual
        depth = unet_depth(size)
        channels = [3] + [width * min(2**level, 8) for level in range(depth)]
        self.down = nn.ModuleList()
        self.up = nn.ModuleList()
        for level, (outer, inner) in enumerate(pairwise(channels)):
            reached = size >> (level + 1)
            norm = level > 0 and reached > 1
            down = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=not norm)
            self.down.append(nn.Sequential(down, instance_norm(inner)) if norm else down)
            joined = inner if level == depth - 1 else 2 * inner
            doubled = Upsample(joined, outer, up if reached > 1 else "transposed", bias=level == 0)
            self.up.insert(0, nn.Sequential(doubled, instance_norm(outer)) if level else doubled)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to the same shape, in [-1, 1]; float32 also under autocast."""
        check_images(_NAME, x, self.size)
        # Added before the tanh, so that the sum stays in range and a network fresh from `initialise` changes nothing.
        start = torch.atanh(at_least_float32(x) * _WITHIN) if self.residual else 0.0
        maps: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(functional.leaky_relu(x, 0.2) if level else x)
            maps.append(x)
        x = maps.pop()
        for level, up in enumerate(self.up):
            x = up(functional.relu(torch.cat((x, maps.pop()), dim=1) if level else x))
        return torch.tanh(at_least_float32(x) + start)
