"""Squeeze-and-excitation: each channel is scaled by a function of the means of all channels (thesis Fig. 37)."""

from typing import ClassVar

from torch import Tensor, nn

from hemabalance.networks.layers import check_positive


class SqueezeExcitation(nn.Module):
    """(n, channels, h, w) to the same shape: x · sigmoid(W2 relu(W1 mean(x))), one factor per channel.

    Hu, Shen, Sun, CVPR 2018, arXiv:1709.01507, Eqs. 2-4, with the biases of their published weights. The hidden layer
    has a sixteenth of the channels, as in the paper, but at least 8: in a narrow network a sixteenth would be one or
    two, which cannot distinguish channels. The minimum has no effect from 128 channels on, that is everywhere in the
    full SENet-154.
    """

    reduction: ClassVar[int] = 16
    least: ClassVar[int] = 8

    def __init__(self, channels: int) -> None:
        """Build for maps of any size from 1x1 on.

        Args:
            channels: of the map.

        Raises:
            ValueError: fewer than one channel.
        """
        super().__init__()
        check_positive("squeeze-and-excitation", channels=channels)
        hidden = max(channels // self.reduction, self.least)
        self.factors = nn.Sequential(
            nn.Linear(channels, hidden), nn.ReLU(inplace=True), nn.Linear(hidden, channels), nn.Sigmoid()
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape."""
        factors: Tensor = self.factors(x.mean(dim=(2, 3)))
        return x * factors[:, :, None, None]
