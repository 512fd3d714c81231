"""Skip-layer excitation: a coarse map scales each channel of a fine map (thesis Fig. 32)."""

from typing import ClassVar

from torch import Tensor, nn

from hemabalance.networks.layers import check_positive

_NAME = "skip-layer excitation"


class SkipLayerExcitation(nn.Module):
    """F of thesis Eq. 45, SLE = F(low) · high: a factor in (0, 1) for each channel of the fine map.

    Adaptive average pooling to 4x4, a 4x4 convolution to 1x1, LeakyReLU 0.1, a 1x1 convolution, a sigmoid (Liu, Zhu,
    Song, Elgammal 2021, arXiv:2101.04775, Eq. 1). (n, low, h, w) to (n, high, 1, 1); the caller multiplies the fine
    map by it.
    """

    pooled: ClassVar[int] = 4

    def __init__(self, low: int, high: int) -> None:
        """Build for maps of any size from 1x1 on.

        Args:
            low: channels of the coarse map.
            high: channels of the fine map.

        Raises:
            ValueError: a number of channels below one.
        """
        super().__init__()
        check_positive(_NAME, low=low, high=high)
        self.body = nn.Sequential(
            nn.AdaptiveAvgPool2d(self.pooled),
            nn.Conv2d(low, high, self.pooled),
            nn.LeakyReLU(0.1),
            nn.Conv2d(high, high, 1),
            nn.Sigmoid(),
        )

    def forward(self, low: Tensor) -> Tensor:
        """(n, low, h, w) to factors (n, high, 1, 1)."""
        factors: Tensor = self.body(low)
        return factors
