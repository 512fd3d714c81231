"""A plain stack of convolutions, the thesis's "sequential CNN" (section 4.4)."""

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn

from hemabalance.networks.layers import check_positive, check_size

_NAME = "sequential CNN"
_POOLED = 2


class SequentialCNN(nn.Module):
    """(n, 3, h, w) in [-1, 1] to logits (n, classes).

    The thesis compares with such a network and does not describe it. Here: four times 3x3 convolution, batch
    normalisation, ReLU and 2x2 max-pooling, `width` to 8 `width` channels; the map averaged to 2x2, which allows any
    image size; a linear layer to 8 `width` with ReLU, dropout, a linear layer.
    """

    min_size: ClassVar[int] = 32

    def __init__(self, classes: int, width: int, drop_rate: float) -> None:
        """Build for any image size from 32 px on.

        Args:
            classes: number of logits.
            width: channels of the first convolution.
            drop_rate: dropout rate of the features before the last layer, in [0, 1).

        Raises:
            ValueError: an invalid number.
        """
        super().__init__()
        check_positive(_NAME, classes=classes, width=width)
        if not 0 <= drop_rate < 1:
            raise ValueError(f"{_NAME}: drop_rate is {drop_rate}, it must be at least 0 and below 1")
        channels = [3, *(width * 2**step for step in range(4))]
        layers: list[nn.Module] = []
        for in_channels, out_channels in pairwise(channels):
            layers += [
                nn.Conv2d(in_channels, out_channels, 3, padding=1, bias=False),
                nn.BatchNorm2d(out_channels),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
            ]
        self.body = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(_POOLED), nn.Flatten())
        self.head = nn.Sequential(
            nn.Linear(channels[-1] * _POOLED**2, channels[-1]),
            nn.ReLU(inplace=True),
            nn.Dropout(drop_rate),
            nn.Linear(channels[-1], classes),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) to logits (n, classes).

        Raises:
            ValueError: not three channels, or images under 32 px.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"{_NAME}: expected images of shape (n, 3, h, w), got {tuple(x.shape)}")
        check_size(_NAME, min(x.shape[2:]), self.min_size, 1)
        logits: Tensor = self.head(self.body(x.contiguous(memory_format=torch.channels_last)))
        return logits
