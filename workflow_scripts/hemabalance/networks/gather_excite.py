"""Gather-excite: each place of a map is gated by what its wide surroundings hold (thesis Fig. 39)."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import check_positive

_NAME = "gather-excite"


class GatherExcite(nn.Module):
    """(n, channels, h, w) to the same: x · sigmoid(resize(gather(x))), each channel for itself.

    Hu, Shen, Albanie, Sun, Vedaldi, NeurIPS 2018, arXiv:1810.12348, Eq. 2 and section 3. Gather sums up surroundings
    of `extent` times `extent` places, with weights of its own (GE-θ: a 3x3 depth-wise convolution of stride 2 for each
    doubling, batch normalisation after each, ReLU between) or without (GE-θ⁻: the average over a window of
    2 extent - 1 places, borders left out of the count). Two 1x1 convolutions may follow (GE-θ⁺), which let channels
    speak to one another. The result is repeated up to the map's size, nearest neighbour.

    Extent 0 is the whole map: one depth-wise convolution of the map's size, not padded, or the average.

    Where the map is smaller than the extent, the extent is the map: the average covers what is there, and the
    convolutions come down to 1x1 early. On a single pixel, steps that remain have only their middle tap left, whose
    size the normalisation cancels: they then pass the pixel on, standardised. So every map works from 1x1 on, and an
    extent up to the map's side (rounded up to a power of two) is all that ever helps.
    """

    extents: ClassVar[tuple[int, ...]] = (0, 2, 4, 8)

    def __init__(self, channels: int, extent: int, *, learned: bool, hidden: int, side: int) -> None:
        """Build for maps of any size, with one exception: learned weights over the whole map tie it to one.

        Args:
            channels: of the map.
            extent: 2, 4 or 8 places, or 0 for the whole map.
            learned: gather with weights (GE-θ) or by averaging (GE-θ⁻).
            hidden: channels between the two 1x1 convolutions; 0 for none of them.
            side: of the map in places, when `learned` and extent 0; else 0.

        Raises:
            ValueError: an extent that is not among these, a number below what it must be, or a side missing or
                given for nothing.
        """
        super().__init__()
        check_positive(_NAME, channels=channels)
        if extent not in self.extents:
            raise ValueError(f"{_NAME}: extent is {extent}, it must be one of: {', '.join(map(str, self.extents))}")
        if hidden < 0:
            raise ValueError(f"{_NAME}: hidden is {hidden}, it must be 0 or more")
        whole = learned and extent == 0
        if whole != (side > 0):
            wanted = "at least 1, the map's" if whole else "0, for no layer depends on it"
            raise ValueError(f"{_NAME}: side is {side}, with these settings it must be {wanted}")
        self.extent, self.side = extent, side
        self.gather: nn.Module | None = _gather(channels, extent, side) if learned else None
        self.mix: nn.Module = nn.Identity()
        if hidden:
            self.mix = nn.Sequential(
                nn.Conv2d(channels, hidden, 1), nn.ReLU(inplace=True), nn.Conv2d(hidden, channels, 1)
            )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same.

        Raises:
            ValueError: the map has another side than the whole-map convolution was built for.
        """
        if self.side and tuple(x.shape[2:]) != (self.side, self.side):
            raise ValueError(f"{_NAME}: built for maps of side {self.side}, given {tuple(x.shape)}")
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
