"""Random changes of training images that leave a cell what it is: its pose, its stain, a microscope's focus."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hemabalance.training.batches import augment_dihedral
from hemabalance.training.colour_augmentation import augment_colour


@dataclass(frozen=True)
class Strengths:
    """How much images are changed; mirroring and quarter turns always happen.

    Attributes:
        rotate: share of the images turned by any angle besides, 0 to 1.
        colour: of the random colours, see `training.colour`; 0 for none.
        blur: largest deviation of the Gaussian blur in pixels; 0 for none.
    """

    rotate: float
    colour: float
    blur: float


def augment(images: Tensor, strengths: Strengths, generator: torch.Generator) -> Tensor:
    """Each image changed in its own way: pose, rotation, colours, blur, in that order.

    Args:
        images: float32 (n, 3, s, s) in [-1, 1].
        strengths: how much.
        generator: on the device of the images; the same state gives the same images.

    Returns:
        The same shape and range.
    """
    images = augment_dihedral(images, generator)
    if strengths.rotate:
        images = rotate(images, strengths.rotate, generator)
    if strengths.colour:
        images = augment_colour(images, strengths.colour, generator)
    if strengths.blur:
        images = blur(images, strengths.blur, generator)
    return images


def rotate(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Turn a share of the images about their centre by an angle up to 45 degrees, uniform; the rest stays as it is.

    With the eight poses that makes every angle alike likely. What comes in at the corners is the image mirrored at its
    edges: background, where a cell is in the middle. Bilinear.

    Args:
        images: float32 (n, c, s, s).
        share: expected, 0 to 1.
        generator: on the device of the images.
    """
    n, device = len(images), images.device
    chance, draw = torch.rand((2, n), generator=generator, device=device)
    angle = (2 * draw - 1) * math.pi / 4
    turn = torch.zeros((n, 2, 3), device=device)
    turn[:, 0, 0] = turn[:, 1, 1] = torch.cos(angle)
    turn[:, 0, 1], turn[:, 1, 0] = -torch.sin(angle), torch.sin(angle)
    places = functional.affine_grid(turn, list(images.shape), align_corners=False)
    turned = functional.grid_sample(images, places, "bilinear", "reflection", align_corners=False)
    return torch.where((chance < share)[:, None, None, None], turned, images)


def blur(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Gaussian blur of each image, its deviation uniform from 0 to `strength` pixels; edges are repeated.

    Args:
        images: float32 (n, c, h, w).
        strength: in pixels; kernels reach over twice as many.
        generator: on the device of the images.
    """
    deviation = strength * torch.rand(len(images), generator=generator, device=images.device)
    reach = math.ceil(2 * strength)
    offsets = torch.arange(-reach, reach + 1, device=images.device)
    # No deviation is 0, where the weights would be 0 / 0.
    weights = torch.exp(-0.5 * (offsets / deviation.clamp_min(1e-3)[:, None]).square())
    weights = weights / weights.sum(dim=1, keepdim=True)
    for axis in (-1, -2):
        padding = (reach, reach, 0, 0) if axis == -1 else (0, 0, reach, reach)
        padded, side = functional.pad(images, padding, mode="replicate"), images.shape[axis]
        # A sum of shifted images, not a grouped convolution: the same bits each time on a GPU too.
        images = sum(
            (weights[:, k, None, None, None] * padded.narrow(axis, k, side) for k in range(len(offsets))),
            start=torch.zeros_like(images),
        )
    return images.clamp(-1, 1)
