"""The light generator of few-shot synthesis (thesis Fig. 31)."""

from math import log2

import torch
from torch import Tensor, nn

from hemabalance.networks.layers import Upsample, at_least_float32, check_positive
from hemabalance.networks.skip_layer_excitation import SkipLayerExcitation

_NAME = "few-shot generator"
_BROADEST = 8


def check_power_of_two(what: str, size: int, smallest: int) -> None:
    """Refuse an image size that halving does not bring down to 4.

    Raises:
        ValueError: naming the network, the size and what would do.
    """
    if size < smallest or size & (size - 1):
        below = 1 << int(log2(max(size, smallest)))
        near = f"{below}" if size < smallest else f"{below} or {2 * below}"
        raise ValueError(f"{what}: a size of {size} px is no power of two from {smallest} px on, take {near} px")


class FewshotGenerator(nn.Module):
    """(n, inputs) to (n, 3, size, size) in [-1, 1]; inputs are noise and, where there is an encoder, features.

    A linear layer, a transposed convolution to 4x4, then doublings to `size`, each nearest-neighbour up-sampling and
    a 3x3 convolution; after every convolution batch normalisation and a gated linear unit (arXiv:2101.04775, figure
    3, without its noise injection, which the thesis does not have). Two skip-layer excitations: of the map at size/16
    on the one at `size`, and of size/32 on size/2, at size 256 16→256 and 8→128; no coarse map is below 4x4. The
    full-size map has `width` channels, each half of it twice as many, up to 8 `width`.

    In training mode batch statistics normalise, as in the papers. Evaluation mode takes running ones, so that an image
    does not depend on its batch; a few steps from other weights leave no usable average behind, so whoever trains must
    call `synthesis.recalibrate` before sampling.
    """

    def __init__(self, size: int, width: int, inputs: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two from 16 on.
            width: channels of the full-size map.
            inputs: numbers in an input vector.

        Raises:
            ValueError: a size that will not do, a width or number of inputs below one.
        """
        super().__init__()
        check_power_of_two(_NAME, size, 16)
        check_positive(_NAME, width=width, inputs=inputs)
        self.size, self.inputs = size, inputs
        sides = [4 << k for k in range(int(log2(size)) - 1)]
        channels = {side: width * min(size // side, _BROADEST) for side in sides}
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
        """Side of a fine map -> side of the coarse map that excites it."""
        self.excitations = nn.ModuleDict(
            {str(high): SkipLayerExcitation(channels[low], channels[high]) for high, low in self.sources.items()}
        )
        self.end = nn.Conv2d(width, 3, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs) to (n, 3, size, size), float32 even under autocast.

        Raises:
            ValueError: vectors of another length.
        """
        if x.ndim != 2 or x.shape[1] != self.inputs:
            raise ValueError(f"{_NAME}: built for (n, {self.inputs}), given {tuple(x.shape)}")
        maps: dict[int, Tensor] = {4: self.start(self.project(x)[:, :, None, None])}
        for name, block in self.blocks.items():
            side = int(name)
            maps[side] = block(maps[side // 2])
            if side in self.sources:
                maps[side] = maps[side] * self.excitations[name](maps[self.sources[side]])
        return torch.tanh(at_least_float32(self.end(maps[self.size])))
