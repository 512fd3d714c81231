"""The networks of DCGAN (Radford, Metz, Chintala 2016, arXiv:1511.06434, section 3 and Figure 1).

All kernels are 4x4, as in the authors' Torch code; the paper's are 5x5. Convolutions before a batch normalisation have
no bias, see `networks.layers`.
"""

from itertools import pairwise

import torch
from torch import Tensor, nn

from hemabalance.networks.fewshot_generator import check_power_of_two
from hemabalance.networks.layers import at_least_float32, check_images, check_positive

_MAX_WIDTH_FACTOR = 8


class DCGANGenerator(nn.Module):
    """(n, latent) to (n, 3, size, size) in [-1, 1].

    The latent is projected to a 4x4 map, then transposed convolutions of stride 2 double the side up to `size`; batch
    normalisation and ReLU after each but the last, which has tanh. The map at size/2 has `width` channels; each halving
    of the side doubles them, up to 8 `width`. The paper has a width of 128 at 64 px, the authors' code 64.
    """

    def __init__(self, size: int, width: int, latent: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two of at least 16.
            width: channels of the last hidden map.
            latent: length of a latent vector.

        Raises:
            ValueError: an invalid size, a width or latent below one.
        """
        super().__init__()
        check_power_of_two("DCGAN's generator", size, 16)
        check_positive("DCGAN's generator", width=width, latent=latent)
        channels = _channels(size, width)
        # On a map of one pixel a transposed convolution is a linear projection to 4x4.
        layers: list[nn.Module] = [nn.ConvTranspose2d(latent, channels[-1], 4, bias=False)]
        for inputs, outputs in pairwise(channels[::-1]):
            layers += [nn.BatchNorm2d(inputs), nn.ReLU(inplace=True)]
            layers += [nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=False)]
        layers += [nn.BatchNorm2d(width), nn.ReLU(inplace=True), nn.ConvTranspose2d(width, 3, 4, stride=2, padding=1)]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, latent) to (n, 3, size, size) in [-1, 1]; float32 also under autocast."""
        return torch.tanh(at_least_float32(self.body(x[:, :, None, None])))


class DCGANDiscriminator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to one logit per image, (n, 1).

    Convolutions of stride 2 halve the side down to 4x4, each with LeakyReLU 0.2 and all but the first with batch
    normalisation; one convolution without padding makes the logit. Channels are the generator's in reverse. The batch
    normalisation always uses the statistics of the batch: discriminators are used in training only.
    """

    def __init__(self, size: int, width: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two of at least 16.
            width: channels of the first map.

        Raises:
            ValueError: an invalid size, or a width below one.
        """
        super().__init__()
        check_power_of_two("DCGAN's discriminator", size, 16)
        check_positive("DCGAN's discriminator", width=width)
        self.size = size
        channels = _channels(size, width)
        layers: list[nn.Module] = [nn.Conv2d(3, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs in pairwise(channels):
            layers += [
                nn.Conv2d(inputs, outputs, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(outputs, track_running_stats=False),
                nn.LeakyReLU(0.2, inplace=True),
            ]
        self.body = nn.Sequential(*layers, nn.Conv2d(channels[-1], 1, 4), nn.Flatten())

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to logits (n, 1).

        Raises:
            ValueError: images of another shape.
        """
        check_images("DCGAN's discriminator", x, self.size)
        logits: Tensor = self.body(x)
        return logits


def _channels(size: int, width: int) -> list[int]:
    """Channels of the hidden maps with the sides size/2, size/4, … 4."""
    return [width * min(1 << k, _MAX_WIDTH_FACTOR) for k in range((size // 4).bit_length() - 1)]
