"""The discriminator of few-shot synthesis (thesis Fig. 34)."""

from math import log2

from torch import Tensor, nn

from hemabalance.networks.fewshot_generator import check_power_of_two
from hemabalance.networks.layers import check_images, check_positive
from hemabalance.networks.spectral_convolution import SpectralConvolution

_NAME = "few-shot discriminator"
_MAX_WIDTH_FACTOR = 8


class FewshotDiscriminator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to one logit per image, (n, 1).

    Three 3x3 convolutions, then 4x4 convolutions of stride 2 down to 4x4, all with spectral normalisation and LeakyReLU
    0.2; one plain 3x3 convolution, one linear layer. Each 4x4 convolution doubles the channels, from `width` up to 8
    `width`. The sigmoid of the logit is the thesis's probability; the losses compute it. No layer normalises over the
    batch.
    """

    def __init__(self, size: int, width: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two of at least 16.
            width: channels of the 3x3 convolutions.

        Raises:
            ValueError: an invalid size, or a width below one.
        """
        super().__init__()
        check_power_of_two(_NAME, size, 16)
        check_positive(_NAME, width=width)
        self.size = size
        body: list[nn.Module] = []
        for in_channels in (3, width, width):
            body += [SpectralConvolution(in_channels, width, 3, 1), nn.LeakyReLU(0.2)]
        in_channels = width
        for level in range(1, int(log2(size)) - 1):
            out_channels = width * min(2**level, _MAX_WIDTH_FACTOR)
            body += [SpectralConvolution(in_channels, out_channels, 4, 2), nn.LeakyReLU(0.2)]
            in_channels = out_channels
        self.body = nn.Sequential(
            *body,
            nn.Conv2d(in_channels, in_channels, 3, padding=1),
            nn.LeakyReLU(0.2),
            nn.Flatten(),
            nn.Linear(in_channels * 16, 1),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to logits (n, 1).

        Raises:
            ValueError: images of another shape.
        """
        check_images(_NAME, x, self.size)
        logits: Tensor = self.body(x)
        return logits
