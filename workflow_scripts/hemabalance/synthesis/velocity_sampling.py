"""The network of a rectified flow, and images of a class from it; the latent vector is the noise of all pixels."""

import torch
from torch import Tensor

from hemabalance.networks.velocity_unet import VelocityUNet
from hemabalance.synthesis.flow_settings import FlowNetwork
from hemabalance.synthesis.rectified_flow import guided, integrate
from hemabalance.synthesis.roles import Classes
from hemabalance.training.colour_augmentation import COLOUR_FACTORS


def latent_length(size: int) -> int:
    """Length of the latent vector of images with a side of `size` pixels."""
    return 3 * size**2


def build_network(settings: FlowNetwork, classes: Classes, size: int) -> VelocityUNet:
    """The untrained network for images with a side of `size` pixels.

    Its classes are all those of the run, so that generators of one run that serve other classes can share a network.

    Raises:
        ValueError: it cannot be built for this size.
    """
    width, blocks, patch = settings.width, settings.blocks, settings.patch
    return VelocityUNet(size, width, blocks, patch, len(classes.run), COLOUR_FACTORS, settings.output)


def generated(network: VelocityUNet, settings: FlowNetwork, index: int, latents: Tensor) -> Tensor:
    """Images of a class.

    Args:
        network: trained.
        settings: of the sampling.
        index: index of the class in the network.
        latents: (n, 3 * size ** 2), standard normal.

    Returns:
        float32 (n, 3, size, size), clipped to [-1, 1].
    """
    noise = latents.view(len(latents), 3, network.size, network.size)
    return denoised(network, settings, index, noise, start=1.0)


def denoised(network: VelocityUNet, settings: FlowNetwork, index: int, x: Tensor, *, start: float) -> Tensor:
    """Images of a class from noised images at the time `start`; shapes and range as in `generated`."""
    targets = torch.full((len(x),), index, device=x.device)
    velocity = guided(network, targets, settings.guidance)
    steps, solver = settings.sampling_steps, settings.solver
    return integrate(velocity, x, steps=steps, solver=solver, start=start).clamp(-1, 1)
