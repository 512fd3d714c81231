"""The miner of MineGAN, and the generator behind it (Wang et al. 2020, arXiv:1912.05270)."""

from math import sqrt

import torch
from torch import Tensor, nn

from hemabalance.networks.conditional import ConditionalGenerator
from hemabalance.networks.layers import WeightedLayer, check_positive, he_std

_SLOPE = 0.2


class Miner(nn.Module):
    """Noise (n, latent) to codes (n, latent + classes) of a `ConditionalGenerator`: a latent vector and a class code.

    Two parts of two linear layers each, from the same noise. The class code is a mixture of the generator's one-hot
    codes: softmax times √latent, the scale of `ConditionalGenerator.encode`. Initialise with `miner_std`.
    """

    def __init__(self, latent: int, classes: int, width: int) -> None:
        """Build for a generator with this length of the latent vector and this number of classes.

        Args:
            latent: length of the noise and of the latent vector.
            classes: number of the generator's classes.
            width: hidden units of each part.

        Raises:
            ValueError: a number below one.
        """
        super().__init__()
        check_positive("miner", latent=latent, classes=classes, width=width)
        self.scale = sqrt(latent)
        self.latents = nn.Sequential(nn.Linear(latent, width), nn.LeakyReLU(_SLOPE), nn.Linear(width, latent))
        self.classes = nn.Sequential(nn.Linear(latent, width), nn.LeakyReLU(_SLOPE), nn.Linear(width, classes))

    def forward(self, noise: Tensor) -> Tensor:
        """(n, latent), standard normal, to (n, latent + classes)."""
        mixture = torch.softmax(self.classes(noise), dim=1)
        return torch.cat((self.latents(noise), self.scale * mixture), dim=1)


def miner_std(layer: WeightedLayer) -> float:
    """Standard deviation of initial weights with which two layers and the LeakyReLU between preserve the mean square.

    So the first mined latent vectors are as long as those that the teacher was trained on.
    """
    fan_in = layer.weight.shape[1]
    return sqrt(he_std(layer) / sqrt(fan_in))


class MinedGenerator(nn.Module):
    """A miner and the generator behind it: latent vectors (n, latent) to images (n, 3, size, size) in [-1, 1]."""

    def __init__(self, miner: Miner, generator: ConditionalGenerator) -> None:
        super().__init__()
        self.miner, self.generator = miner, generator

    def forward(self, latents: Tensor) -> Tensor:
        """(n, latent), standard normal, to (n, 3, size, size) in [-1, 1]."""
        images: Tensor = self.generator(self.miner(latents))
        return images
