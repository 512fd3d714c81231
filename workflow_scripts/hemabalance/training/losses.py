"""Losses of generators and critics. Each loss is a 0-dim tensor, a mean over images and patches.

Scores are the output of a critic, (n,) or (n, 1, h, w), unbounded; images are (n, 3, h, w) in [-1, 1]. Half precision
and bfloat16 are converted to float32 first; float64 is kept.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import at_least_float32


def wasserstein_critic(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """E[D(fake)] - E[D(real)], without its penalty (thesis Eqs. 26-28; Arjovsky et al. 2017, arXiv:1701.07875).

    Its negative estimates the Wasserstein-1 distance to the degree that the critic is 1-Lipschitz.
    """
    return at_least_float32(fake_scores).mean() - at_least_float32(real_scores).mean()


def wasserstein_generator(fake_scores: Tensor) -> Tensor:
    """-E[D(fake)] (thesis Eqs. 26-28; arXiv:1701.07875)."""
    return -at_least_float32(fake_scores).mean()


def gradient_penalty(critic: nn.Module, real: Tensor, fake: Tensor, alpha: Tensor) -> Tensor:
    """E[(‖∇D(x̂)‖₂ - 1)²], x̂ = α real + (1 - α) fake (thesis Eq. 30; Gulrajani et al. 2017, arXiv:1704.00028).

    One penalty per image, on the mean of its patch scores, averaged over the batch. Computed in float32 (float64 for
    float64 images) even under autocast, because squaring and differentiating twice exceeds bfloat16's eight bits. The
    result has a graph to the critic's parameters only; real and fake are detached.

    With weight d the optimal critic of two points at distance r has slope 1 + r / 2d, not 1: its loss exceeds the
    distance.

    Args:
        critic: the unwrapped module (neither DDP nor Fabric), without batch normalisation, which would mix images; it
            maps n images to n scores or score maps.
        real: (n, ...) images.
        fake: (n, ...) images, the same shape.
        alpha: n numbers, uniform in [0, 1], one per image, from the caller's random number generator.

    Raises:
        ValueError: the shapes do not match.
    """
    if real.shape != fake.shape or alpha.numel() != len(real):
        raise ValueError(
            "gradient penalty: real and fake images must have the same shape, with one alpha per image, "
            f"not {tuple(real.shape)}, {tuple(fake.shape)} and {tuple(alpha.shape)}"
        )
    with torch.autocast(device_type=real.device.type, enabled=False):
        real, fake = at_least_float32(real.detach()), at_least_float32(fake.detach())
        weight = alpha.detach().to(real).reshape(-1, *(1,) * (real.ndim - 1))
        interpolated = torch.lerp(fake, real, weight).requires_grad_()
        scores = critic(interpolated).reshape(len(interpolated), -1).mean(dim=1)
        (gradient,) = torch.autograd.grad(scores.sum(), interpolated, create_graph=True)
        norm: Tensor = torch.linalg.vector_norm(gradient.flatten(1), dim=1)
    return (norm - 1).square().mean()


def least_squares_critic(real_scores: Tensor, fake_scores: Tensor) -> Tensor:
    """(E[(D(real) - 1)²] + E[D(fake)²]) / 2 (Mao et al. 2017, arXiv:1611.04076; halved in CycleGAN too)."""
    real, fake = at_least_float32(real_scores), at_least_float32(fake_scores)
    return ((real - 1).square().mean() + fake.square().mean()) / 2


def least_squares_generator(fake_scores: Tensor) -> Tensor:
    """E[(D(fake) - 1)²] (CycleGAN, arXiv:1703.10593; not halved, as in the paper)."""
    return (at_least_float32(fake_scores) - 1).square().mean()


def non_saturating_critic(real_logits: Tensor, fake_logits: Tensor) -> Tensor:
    """-E[log σ(D(real))] - E[log(1 - σ(D(fake)))] from logits (Goodfellow et al. 2014, arXiv:1406.2661).

    Computed with softplus, so that logits of any size give a finite loss and gradient. Not halved.
    """
    return (
        functional.softplus(-at_least_float32(real_logits)).mean()
        + functional.softplus(at_least_float32(fake_logits)).mean()
    )


def non_saturating_generator(fake_logits: Tensor) -> Tensor:
    """-E[log σ(D(fake))] from logits (arXiv:1406.2661, section 3)."""
    return functional.softplus(-at_least_float32(fake_logits)).mean()


def cycle(x: Tensor, reconstructed: Tensor) -> Tensor:
    """E|G_BA(G_AB(x)) - x|, mean absolute difference over all values (thesis Eq. 20; arXiv:1703.10593)."""
    return functional.l1_loss(at_least_float32(reconstructed), at_least_float32(x))


def identity(x: Tensor, same: Tensor) -> Tensor:
    """E|G_AB(x) - x| for x already in the target stain (thesis Eq. 23; arXiv:1703.10593, section 5.2)."""
    return functional.l1_loss(at_least_float32(same), at_least_float32(x))


def mean_difference(real: Tensor, fake: Tensor) -> Tensor:
    """E|a - b|, mean over all values (thesis Eqs. 41 and 42, which do not specify the norm)."""
    return functional.l1_loss(at_least_float32(fake), at_least_float32(real))


def mode_seeking(first: Tensor, second: Tensor, z_first: Tensor, z_second: Tensor) -> Tensor:
    """1 / (|b1 - b2| / |z1 - z2| + 1e-5), mean absolute differences over the batch (Mao et al. 2019, arXiv:1903.05628).

    Small where different noise gives different images; as in the authors' code, one ratio for the whole batch.

    Args:
        first, second: images (n, 3, h, w) of the same conditions.
        z_first, z_second: their noise vectors, (n, latent).
    """
    difference = (at_least_float32(first) - at_least_float32(second)).abs().mean()
    noise = (at_least_float32(z_first) - at_least_float32(z_second)).abs().mean()
    loss: Tensor = 1 / (difference / noise + 1e-5)
    return loss
