"""The codes of InfoGAN: how the generator gets them, and how much an image tells about them."""

from math import log, pi

import torch
from torch import Tensor
from torch.nn import functional

from hemabalance.networks.conditional import ConditionalGenerator, Norm
from hemabalance.networks.layers import at_least_float32

CONTINUOUS = 2
"""Number of continuous codes."""
LEAST_DEVIATION = 0.05
"""Least standard deviation of Q(c|x) for a continuous code, so that its density stays bounded."""


class CodedGenerator(ConditionalGenerator):
    """A conditional generator with a categorical code for each class, and two continuous codes; see `encode`."""

    code_of_class: Tensor
    """int64 (classes,): the categorical code of each class, a permutation; the identity until codes are named."""

    def __init__(self, size: int, width: int, latent: int, classes: int, norm: Norm) -> None:
        """Arguments and errors as `ConditionalGenerator`, but `latent` is at least 3, as codes are part of it."""
        super().__init__(size, width, latent, classes, norm)
        if latent <= CONTINUOUS:
            raise ValueError(f"InfoGAN's generator: latent is {latent}, it must be at least {CONTINUOUS + 1}")
        self.register_buffer("code_of_class", torch.arange(classes))

    def encode(self, latents: Tensor, targets: Tensor) -> Tensor:
        """The input of `forward`: two continuous codes, noise, and the categorical code of the class.

        A continuous code is 2Φ(z) - 1 of a latent number z with the normal distribution function Φ: uniform in (-1, 1).

        Args:
            latents: (n, latent), standard normal.
            targets: int64 (n,), class indices.

        Returns:
            (n, latent + classes).
        """
        continuous = 2 * torch.special.ndtr(latents[:, :CONTINUOUS]) - 1
        return super().encode(torch.cat((continuous, latents[:, CONTINUOUS:]), dim=1), self.code_of_class[targets])

    def codes(self, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Categorical codes int64 (n,) and continuous codes (n, 2) in the result of `encode`."""
        return inputs[:, self.latent :].argmax(1), inputs[:, :CONTINUOUS]


def outputs_of(classes: int) -> int:
    """Number of outputs of Q: logits of the categorical code, mean and deviation of each continuous code."""
    return classes + 2 * CONTINUOUS


def category_information(outputs: Tensor, categories: Tensor) -> Tensor:
    """E[log Q(c|x)] + H(c) for the categorical code, uniform over K codes; at most log K, 0-dim, in nats.

    Args:
        outputs: (n, `outputs_of(K)`) of Q.
        categories: int64 (n,), the codes of the images.
    """
    logits = at_least_float32(outputs[:, : -2 * CONTINUOUS])
    return log(logits.shape[1]) - functional.cross_entropy(logits, categories)


def continuous_information(outputs: Tensor, codes: Tensor) -> Tensor:
    """E[log Q(c|x)] + H(c), summed over the continuous codes, each uniform in (-1, 1); 0-dim, in nats.

    Q(c|x) is normal with a mean and a standard deviation of its own for each image and code.

    Args:
        outputs: (n, `outputs_of(K)`) of Q; the deviation is `LEAST_DEVIATION` plus the exponential of an output.
        codes: (n, 2), the codes of the images.
    """
    mean, exponent = at_least_float32(outputs[:, -2 * CONTINUOUS :]).chunk(2, dim=1)
    deviation = LEAST_DEVIATION + exponent.exp()
    log_density = -0.5 * ((codes - mean) / deviation).square() - deviation.log() - 0.5 * log(2 * pi)
    return log_density.sum(1).mean() + CONTINUOUS * log(2)
