"""The discriminator of few-shot synthesis (thesis Fig. 34)."""

from math import log2

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.fewshot_generator import check_power_of_two
from hemabalance.networks.layers import check_images, check_positive

_NAME = "few-shot discriminator"
_BROADEST = 8


class _Spectral(nn.Conv2d):
    """A convolution divided by its greatest singular value (Miyato et al. 2018, arXiv:1802.05957).

    One power iteration a training pass, none in evaluation. PyTorch's own wrapper draws its first vector from the
    process-wide random state and hides the weight from `layers.initialise`.
    """

    left: Tensor
    """(outputs,), the power iteration's; of any length, so that averages of two trainings' vectors will do."""

    def __init__(self, inner: int, outer: int, kernel: int, stride: int) -> None:
        super().__init__(inner, outer, kernel, stride=stride, padding=1)
        self.register_buffer("left", torch.ones(outer))

    def forward(self, x: Tensor) -> Tensor:
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            left = functional.normalize(self.left, dim=0)
            right = functional.normalize(matrix.T @ left, dim=0)
            if self.training:
                left = functional.normalize(matrix @ right, dim=0)
                self.left.copy_(left)
        y: Tensor = self._conv_forward(x, self.weight / (left @ (matrix @ right)), self.bias)
        return y


class FewshotDiscriminator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to one logit an image, (n, 1).

    Three 3x3 convolutions, then 4x4 convolutions of stride 2 down to 4x4, all with spectral normalisation and LeakyReLU
    0.2; one plain 3x3 convolution, one linear layer. From `width` channels each 4x4 convolution doubles up to 8
    `width`. The thesis's probability is the logit's sigmoid, which the losses take. Nothing normalises across images.
    """

    def __init__(self, size: int, width: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two from 16 on.
            width: channels of the 3x3 convolutions.

        Raises:
            ValueError: a size that will not do, or a width below one.
        """
        super().__init__()
        check_power_of_two(_NAME, size, 16)
        check_positive(_NAME, width=width)
        self.size = size
        body: list[nn.Module] = []
        for inner in (3, width, width):
            body += [_Spectral(inner, width, 3, 1), nn.LeakyReLU(0.2)]
        inner = width
        for level in range(1, int(log2(size)) - 1):
            outer = width * min(2**level, _BROADEST)
            body += [_Spectral(inner, outer, 4, 2), nn.LeakyReLU(0.2)]
            inner = outer
        self.body = nn.Sequential(
            *body, nn.Conv2d(inner, inner, 3, padding=1), nn.LeakyReLU(0.2), nn.Flatten(), nn.Linear(inner * 16, 1)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to logits (n, 1).

        Raises:
            ValueError: images of another shape.
        """
        check_images(_NAME, x, self.size)
        logits: Tensor = self.body(x)
        return logits
