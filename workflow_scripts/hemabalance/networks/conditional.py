"""The three networks of C-WGAN-GP (thesis section 3.5, Tables 10-12): generator, critic and classifier.

All are residual. The tables do not say where the activations of a block are: here they precede its convolutions, so
that the sum stays linear (He et al. 2016, arXiv:1603.05027). Without normalisation each of ten blocks would double the
variance of its signal; scaling the branches of n blocks by 1/√n keeps the total increase below a factor e (Zhang,
Dauphin, Ma 2019, arXiv:1901.09321, explain why such networks then train). Initialise them with `layers.he_std`.
"""

from math import sqrt
from typing import ClassVar, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import at_least_float32, check_images, check_positive, check_size

Norm = Literal["batch", "none"]

FEATURES = 128
"""Features of an image before the last layer of critic and classifier."""

_SLOPE = 0.2
_GENERATOR, _CRITIC, _CLASSIFIER = "conditional generator", "conditional critic", "conditional classifier"


class _Residual(nn.Module):
    """x + scale * convolution(activation(convolution(activation(x)))), same shape; both convolutions are 3x3."""

    def __init__(self, channels: int, scale: float, kind: type[nn.Conv2d | nn.ConvTranspose2d], norm: Norm) -> None:
        super().__init__()
        self.scale = scale
        # A normalisation follows every use of the sum and cancels the biases of both convolutions.
        bias = norm == "none"
        self.body = nn.Sequential(
            *_activation(channels, norm),
            kind(channels, channels, 3, padding=1, bias=bias),
            *_activation(channels, norm),
            kind(channels, channels, 3, padding=1, bias=bias),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x)
        return x + self.scale * y


class ConditionalGenerator(nn.Module):
    """Codes (n, latent + classes), see `encode`, to images (n, 3, size, size) in [-1, 1] (thesis Table 10).

    A linear layer to (width, size / 4, size / 4), 2 residual blocks, 5x5 transposed convolution of stride 2, 4 blocks,
    another, 2 blocks, 5x5 transposed convolution of stride 1, tanh. The convolutions of the blocks are transposed too.
    The last convolution has 64 channels in the table, and 3 here, because the output is an image.

    The thesis does not specify `norm`. "batch" normalises over the batch before every activation, as the generator of
    WGAN-GP's authors does (Gulrajani et al. 2017, arXiv:1704.00028, appendix F); "none" relies on the scaled branches.

    At size 128, width 64, latent 128, 8 classes: 9,779,011 parameters with "none", 9,780,291 with "batch", which has
    2,432 more scales and shifts and 1,152 fewer biases.
    """

    min_size: ClassVar[int] = 16
    multiple: ClassVar[int] = 16

    def __init__(self, size: int, width: int, latent: int, classes: int, norm: Norm) -> None:
        """Build for square images of `size` px.

        Args:
            size: at least 16 px and divisible by 16, as for the critic.
            width: channels of every map; 64 in the thesis.
            latent: length of a latent vector.
            classes: number of classes.
            norm: "batch" or "none".

        Raises:
            ValueError: invalid size, width, latent or classes.
        """
        super().__init__()
        check_size(_GENERATOR, size, self.min_size, self.multiple)
        check_positive(_GENERATOR, width=width, latent=latent, classes=classes)
        self.size, self.latent, self.classes, self.width = size, latent, classes, width
        self.stem = nn.Linear(latent + classes, width * (size // 4) ** 2)
        scale = 1 / sqrt(8)
        layers: list[nn.Module] = []
        for blocks in (2, 4, 2):
            layers += [_Residual(width, scale, nn.ConvTranspose2d, norm) for _ in range(blocks)]
            layers += _activation(width, norm)
            layers.append(
                nn.ConvTranspose2d(width, width, 5, stride=2, padding=2, output_padding=1, bias=norm == "none")
            )
        layers[-1] = nn.ConvTranspose2d(width, 3, 5, padding=2)
        self.body = nn.Sequential(*layers)

    def encode(self, latents: Tensor, targets: Tensor) -> Tensor:
        """The input of `forward`: latent vectors and one-hot classes, concatenated (Table 10, Concatenate(z, C)).

        The one-hot value is √latent instead of 1, so that both parts have the same norm: as a 1 beside 128 standard
        normal numbers the class would initially be a hundredth of the signal.

        Args:
            latents: (n, latent), standard normal.
            targets: int64 (n,), class indices.

        Returns:
            (n, latent + classes).
        """
        class_code = functional.one_hot(targets, self.classes).to(latents.dtype) * sqrt(self.latent)
        return torch.cat((latents, class_code), dim=1)

    def forward(self, codes: Tensor) -> Tensor:
        """(n, latent + classes) to (n, 3, size, size) in [-1, 1]; float32 also under autocast.

        Raises:
            ValueError: codes of another length.
        """
        if codes.ndim != 2 or codes.shape[1] != self.latent + self.classes:
            raise ValueError(
                f"{_GENERATOR}: expected codes of shape (n, {self.latent + self.classes}), got {tuple(codes.shape)}"
            )
        maps = self.stem(codes).view(-1, self.width, self.size // 4, self.size // 4)
        return torch.tanh(at_least_float32(self.body(_channels_last(maps))))


class ResidualTrunk(nn.Module):
    """Images (n, 3, size, size) to features (n, 128) after a LeakyReLU: the layers common to thesis Tables 11 and 12.

    5x5 convolution of stride 2, 2 residual blocks, 4 blocks at half the size, 4 at a quarter, each followed by 2x2
    average pooling, a linear layer. No normalisation.
    """

    min_size: ClassVar[int] = 16
    multiple: ClassVar[int] = 16

    def __init__(self, name: str, size: int, width: int) -> None:
        """Build for square images of `size` px, at least 16 and divisible by 16; `name` is for messages.

        Raises:
            ValueError: invalid size or width.
        """
        super().__init__()
        check_size(name, size, self.min_size, self.multiple)
        check_positive(name, width=width)
        self.name, self.size = name, size
        scale = 1 / sqrt(10)
        layers: list[nn.Module] = [nn.Conv2d(3, width, 5, stride=2, padding=2)]
        for blocks in (2, 4, 4):
            layers += [_Residual(width, scale, nn.Conv2d, "none") for _ in range(blocks)]
            layers.append(nn.AvgPool2d(2))
        layers += [
            nn.LeakyReLU(_SLOPE),
            nn.Flatten(),
            nn.Linear(width * (size // 16) ** 2, FEATURES),
            nn.LeakyReLU(_SLOPE),
        ]
        self.body = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to (n, 128); ValueError for images of another shape."""
        check_images(self.name, x, self.size)
        features: Tensor = self.body(_channels_last(x))
        return features


class ConditionalCritic(nn.Module):
    """Images (n, 3, size, size) in [-1, 1] to unbounded scores (n,) (thesis Table 11).

    No normalisation, which a gradient penalty per image excludes, and no last bias: a constant added to all scores does
    not change a Wasserstein loss. With `classes` the critic is conditional, by projection: the product of the features
    with a learned vector of the class is added to the score (Miyato, Koyama 2018, arXiv:1802.05637). At size 128 and
    width 64: 1,267,968 parameters, with 8 classes 1,024 more.
    """

    def __init__(self, size: int, width: int, classes: int) -> None:
        """Build for square images of `size` px.

        Args:
            size: at least 16 px and divisible by 16.
            width: channels of every map; 64 in the thesis.
            classes: number of classes of a conditional critic, 0 for an unconditional one.

        Raises:
            ValueError: invalid size or width.
        """
        super().__init__()
        self.trunk = ResidualTrunk(_CRITIC, size, width)
        self.head = nn.Linear(FEATURES, 1, bias=False)
        self.projection = nn.Linear(FEATURES, classes, bias=False) if classes else None

    def forward(self, x: Tensor, targets: Tensor | None = None) -> Tensor:
        """Scores (n,).

        Args:
            x: (n, 3, size, size).
            targets: int64 (n,), the class of each image; only for a conditional critic.

        Raises:
            ValueError: images of another shape, targets missing for a conditional critic or passed to another one.
        """
        if (targets is None) != (self.projection is None):
            raise ValueError(f"{_CRITIC}: targets are required if it was built with classes, and not allowed otherwise")
        features = self.trunk(x)
        scores: Tensor = self.head(features).squeeze(1)
        if self.projection is None or targets is None:
            return scores
        class_scores: Tensor = self.projection(features)
        return scores + class_scores.gather(1, targets[:, None]).squeeze(1)


class ConditionalClassifier(nn.Module):
    """Images (n, 3, size, size) in [-1, 1] to logits (n, classes) (thesis Table 12).

    No normalisation, although the table does not exclude it: the generator learns from this network, and batch
    statistics would differ between real and generated images. At size 128, width 64 and 8 classes: 1,268,872
    parameters.
    """

    def __init__(self, size: int, width: int, classes: int) -> None:
        """Build for square images of `size` px; arguments and errors as `ConditionalCritic`, at least one class."""
        super().__init__()
        check_positive(_CLASSIFIER, classes=classes)
        self.trunk = ResidualTrunk(_CLASSIFIER, size, width)
        self.head = nn.Linear(FEATURES, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to (n, classes), without softmax; ValueError for images of another shape."""
        logits: Tensor = self.head(self.trunk(x))
        return logits


def _channels_last(maps: Tensor) -> Tensor:
    """The same values in channels-last memory order, which makes narrow convolutions twice as fast on the CPU."""
    return maps.contiguous(memory_format=torch.channels_last)


def _activation(channels: int, norm: Norm) -> list[nn.Module]:
    return [*([nn.BatchNorm2d(channels)] if norm == "batch" else []), nn.LeakyReLU(_SLOPE)]
