"""The lightweight generator of few-shot synthesis (thesis Fig. 31)."""

from math import log2

import torch
from torch import Tensor, nn

from hemabalance.networks.layers import Upsample, at_least_float32, check_positive
from hemabalance.networks.skip_layer_excitation import SkipLayerExcitation

_NAME = "few-shot generator"
_MAX_WIDTH_FACTOR = 8


def check_power_of_two(network: str, size: int, smallest: int) -> None:
    """Refuse an image size that is not a power of two, or below `smallest`.

    Raises:
        ValueError: with the network, the size and the nearest valid sizes.
    """
    if size < smallest or size & (size - 1):
        below = 1 << int(log2(max(size, smallest)))
        valid = f"{below}" if size < smallest else f"{below} or {2 * below}"
        raise ValueError(f"{network}: size {size} px is not a power of two of at least {smallest} px, use {valid} px")


class FewshotGenerator(nn.Module):
    """(n, inputs) to (n, 3, size, size) in [-1, 1]; inputs are noise and, with an encoder, features.

    A linear layer, a transposed convolution to 4x4, then doublings to `size`, each nearest-neighbour up-sampling and
    a 3x3 convolution; after every convolution batch normalisation and a gated linear unit (arXiv:2101.04775, figure
    3, without its noise injection, which the thesis does not have). Two skip-layer excitations: from the map at size/16
    to the one at `size`, and from size/32 to size/2 (at size 256: 16→256 and 8→128); the coarse map is never below 4x4.
    The full-size map has `width` channels; each halving of the side doubles them, up to 8 `width`.

    Batch normalisation uses batch statistics in training mode, as in the papers, and running statistics in evaluation
    mode, so that an image does not depend on its batch. After a few steps from other weights the running averages are
    not usable: `synthesis.recalibrate` must recompute them before sampling.
    """

    def __init__(self, size: int, width: int, inputs: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two of at least 16.
            width: channels of the full-size map.
            inputs: length of an input vector.

        Raises:
            ValueError: an invalid size, a width or number of inputs below one.
        """
        super().__init__()
        check_power_of_two(_NAME, size, 16)
        check_positive(_NAME, width=width, inputs=inputs)
        self.size, self.inputs = size, inputs
        sides = [4 << k for k in range(int(log2(size)) - 1)]
        channels = {side: width * min(size // side, _MAX_WIDTH_FACTOR) for side in sides}
        self.project = nn.Sequential(nn.Linear(inputs, inputs), nn.LeakyReLU(0.2))
        self.start = nn.Sequential(
            nn.ConvTranspose2d(inputs, 2 * channels[4], 4, bias=False), nn.BatchNorm2d(2 * channels[4]), nn.GLU(dim=1)
        )
        self.blocks = nn.ModuleDict(
            {
                str(side): nn.Sequential(
                    Upsample(channels[side // 2], 2 * channels[side], "resize", bias=False),
                    nn.BatchNorm2d(2 * channels[side]),
                    nn.GLU(dim=1),
                )
                for side in sides[1:]
            }
        )
        self.sources = {high: max(high // 16, 4) for high in (size, size // 2)}
        """Side of a fine map -> side of the coarse map that scales its channels."""
        self.excitations = nn.ModuleDict(
            {str(high): SkipLayerExcitation(channels[low], channels[high]) for high, low in self.sources.items()}
        )
        self.end = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) to (n, 3, size, size) in [-1, 1]; float32 also under autocast.

        Raises:
            ValueError: vectors of another length.
        """
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(f"{_NAME}: expected inputs of shape (n, {self.inputs}), got {tuple(x.shape)}")
        maps: dict[int, Tensor] = {4: self.start(self.project(x)[:, :, None, None])}
        for name, block in self.blocks.items():
            side = int(name)
            maps[side] = block(maps[side // 2])
            if side in self.sources:
                maps[side] = maps[side] * self.excitations[name](maps[self.sources[side]])
        return torch.tanh(at_least_float32(self.end(maps[self.size])))
