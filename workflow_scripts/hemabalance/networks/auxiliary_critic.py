"""A critic that also predicts what an image shows: the discriminator of AC-GAN and of InfoGAN."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from hemabalance.networks.conditional import FEATURES, ResidualTrunk
from hemabalance.networks.layers import check_positive

_NAME = "critic with auxiliary outputs"


class AuxiliaryCritic(nn.Module):
    """Images (n, 3, size, size) in [-1, 1] to (n, 1 + outputs): one logit of "real", then the auxiliary outputs.

    Two linear heads on the trunk that critic and classifier of C-WGAN-GP have too (thesis Tables 11 and 12). At size
    128, width 64 and 8 outputs: 1,269,001 parameters.
    """

    min_size: ClassVar[int] = ResidualTrunk.min_size
    multiple: ClassVar[int] = ResidualTrunk.multiple

    def __init__(self, size: int, width: int, outputs: int) -> None:
        """Build for square images of `size` px.

        Args:
            size: at least 16 px and divisible by 16.
            width: channels of every map.
            outputs: number of auxiliary outputs, at least 1.

        Raises:
            ValueError: invalid size, width or outputs.
        """
        super().__init__()
        check_positive(_NAME, outputs=outputs)
        self.trunk = ResidualTrunk(_NAME, size, width)
        self.source = nn.Linear(FEATURES, 1)
        self.auxiliary = nn.Linear(FEATURES, outputs)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to (n, 1 + outputs); ValueError for images of another shape."""
        features = self.trunk(x)
        return torch.cat((self.source(features), self.auxiliary(features)), dim=1)
