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

_MAX_DEPTH = 8
_NAME = "U-Net generator"
_TANH_RANGE = 0.995  # scales images so that the inverse of tanh is finite; an error of half a grey level at white


def unet_depth(size: int) -> int:
    """How many times a side of `size` pixels can be halved, at most 8: 256 -> 8, 128 -> 7, 96 -> 5, 64 -> 6."""
    return min((size & -size).bit_length() - 1, _MAX_DEPTH)


class UNetGenerator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to the same; the U-Net of pix2pix (Isola et al., CVPR 2017, arXiv:1611.07004).

    Encoder: 4x4 convolutions of stride 2, LeakyReLU 0.2, down to 1x1 or an odd side. Decoder: ReLU, doubling
    (`Upsample`), concatenation with the encoder's map of the same size. Channels double from `width` to 8 `width`. tanh
    at the end.

    Differences from pix2pix: instance normalisation instead of batch normalisation (thesis section 3.4), so that the
    result of an image does not depend on its batch; and no dropout, which pix2pix keeps at test time as noise: a
    normaliser must be deterministic. No normalisation after the first convolution (as in pix2pix), nor on a map of one
    pixel, which has no variance. The step from one pixel to 2x2 is transposed with `resize`, too: resizing would give a
    constant map, which the next normalisation removes together with the information of the lowest level.

    `residual` is not in the thesis: a change of stain does not change the cell, so the network only has to learn the
    difference. Otherwise it needs thousands of steps to learn to reproduce cells, and may fail on few images.

    At size 256 and width 64 with `transposed`: 54,404,675 parameters. The reference implementation of pix2pix has
    54,413,955: 9,856 more scales and shifts of batch normalisation, and 576 fewer biases (of the two convolutions
    without normalisation).
    """

    min_size: ClassVar[int] = 16
    multiple: ClassVar[int] = 8

    def __init__(self, size: int, width: int, up: Upsampling, residual: bool) -> None:
        """Build for square images of `size` px.

        Args:
            size: at least 16 px and divisible by 8.
            width: channels of the first level; 64 in the paper.
            up: up-sampling of the decoder, "transposed" (thesis) or "resize".
            residual: True adds the decoder's output to the image; False (thesis): the output is the image.

        Raises:
            ValueError: invalid size, width or up-sampling.
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
            side = size >> (level + 1)
            norm = level > 0 and side > 1
            convolution = nn.Conv2d(outer, inner, 4, stride=2, padding=1, bias=not norm)
            self.down.append(nn.Sequential(convolution, instance_norm(inner)) if norm else convolution)
            inputs = inner if level == depth - 1 else 2 * inner
            upsample = Upsample(inputs, outer, up if side > 1 else "transposed", bias=level == 0)
            self.up.insert(0, nn.Sequential(upsample, instance_norm(outer)) if level else upsample)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to the same shape, in [-1, 1]; float32 also under autocast."""
        check_images(_NAME, x, self.size)
        # Added before the tanh, so that the sum stays in range and a newly initialised network changes nothing.
        image = torch.atanh(at_least_float32(x) * _TANH_RANGE) if self.residual else 0.0
        maps: list[Tensor] = []
        for level, down in enumerate(self.down):
            x = down(functional.leaky_relu(x, 0.2) if level else x)
            maps.append(x)
        x = maps.pop()
        for level, up in enumerate(self.up):
            x = up(functional.relu(torch.cat((x, maps.pop()), dim=1) if level else x))
        return torch.tanh(at_least_float32(x) + image)
