"""Gather-excite: each position of a map is gated by a summary of its neighbourhood (thesis Fig. 39)."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import check_positive

_NAME = "gather-excite"


class GatherExcite(nn.Module):
    """(n, channels, h, w) to the same shape: x · sigmoid(resize(gather(x))), separately for each channel.

    Hu, Shen, Albanie, Sun, Vedaldi, NeurIPS 2018, arXiv:1810.12348, Eq. 2 and section 3. Gather summarises a
    neighbourhood of `extent` times `extent` positions, with learned weights (GE-θ: a 3x3 depth-wise convolution of
    stride 2 for each doubling, batch normalisation after each, ReLU between them) or without (GE-θ⁻: the average over a
    window of 2 extent - 1 positions, padding not counted). Two 1x1 convolutions may follow (GE-θ⁺), which mix the
    channels. The result is enlarged to the map's size by nearest neighbour.

    Extent 0 is the whole map: one depth-wise convolution of the map's size without padding, or the average.

    Where the map is smaller than the extent, the map is the neighbourhood: the average covers the map, and the
    convolutions reach 1x1 early. On a single pixel the remaining convolutions use only their centre weight, whose
    magnitude the normalisation cancels, and return the pixel standardised. So maps of any size from 1x1 on work, and
    an extent beyond the map's side (rounded up to a power of two) has no further effect.
    """

    extents: ClassVar[tuple[int, ...]] = (0, 2, 4, 8)

    def __init__(self, channels: int, extent: int, *, learned: bool, hidden: int, side: int) -> None:
        """Build for maps of any size; learned weights over the whole map need a fixed one.

        Args:
            channels: of the map.
            extent: 2, 4 or 8 positions, or 0 for the whole map.
            learned: gather with weights (GE-θ) or by averaging (GE-θ⁻).
            hidden: channels between the two 1x1 convolutions; 0 omits both.
            side: of the map in positions, if `learned` and extent 0; else 0.

        Raises:
            ValueError: an invalid extent, too small a number, or a side missing or passed where it has no effect.
        """
        super().__init__()
        check_positive(_NAME, channels=channels)
        if extent not in self.extents:
            raise ValueError(f"{_NAME}: extent is {extent}, it must be one of: {', '.join(map(str, self.extents))}")
        if hidden < 0:
            raise ValueError(f"{_NAME}: hidden is {hidden}, it must be 0 or more")
        global_extent = learned and extent == 0
        if global_extent != (side > 0):
            expected = "the side of the map, at least 1" if global_extent else "0, because no layer depends on it"
            raise ValueError(f"{_NAME}: side is {side}, with these settings it must be {expected}")
        self.extent, self.side = extent, side
        self.gather: nn.Module | None = _gather(channels, extent, side) if learned else None
        self.mix: nn.Module = nn.Identity()
        if hidden:
            self.mix = nn.Sequential(
                nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape.

        Raises:
            ValueError: the whole-map convolution was built for maps of another side.
        """
        if self.side and tuple(x.shape[2:]) != (self.side, self.side):
            raise ValueError(f"{_NAME}: expected maps of side {self.side}, got {tuple(x.shape)}")
        gates: Tensor = self.mix(self._gathered(x)).sigmoid()
        if gates.shape[2:] != (1, 1):
            gates = functional.interpolate(gates, size=x.shape[2:], mode="nearest")
        return x * gates

    def _gathered(self, x: Tensor) -> Tensor:
        if self.gather is not None:
            gathered: Tensor = self.gather(x)
            return gathered
        if self.extent == 0:
            return x.mean(dim=(2, 3), keepdim=True)
        window = 2 * self.extent - 1
        return functional.avg_pool2d(x, window, self.extent, padding=window // 2, count_include_pad=False)


def _gather(channels: int, extent: int, side: int) -> nn.Sequential:
    if extent == 0:
        layers: list[nn.Module] = [nn.Conv2d(channels, channels, side, groups=channels, bias=False)]
        return nn.Sequential(*layers, nn.BatchNorm2d(channels))
    layers = []
    for _ in range(extent.bit_length() - 1):
        layers += [
            nn.Conv2d(channels, channels, 3, stride=2, padding=1, groups=channels, bias=False),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers[:-1])
