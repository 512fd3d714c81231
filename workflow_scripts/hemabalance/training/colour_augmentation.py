"""Random colour augmentation: the baseline that stain normalisation is compared with."""

import math

import torch
from torch import Tensor

_LUMA = (0.299, 0.587, 0.114)
# NTSC's YIQ: hue is the angle in the plane of I and Q.
_YIQ = ((0.299, 0.587, 0.114), (0.5959, -0.2746, -0.3213), (0.2115, -0.5227, 0.3112))


COLOUR_FACTORS = 7
"""Number of factors of the colour augmentation of an image."""


def augment_colour(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change brightness, contrast, saturation, hue and white balance of each image at random.

    As torchvision's ColorJitter(strength, strength, strength, strength / 4), but as one affine map of the colours, see
    `change_colour`; each factor is uniform.

    Args:
        images: (n, 3, h, w) in [-1, 1].
        strength: 0 leaves the images unchanged; 0.5 is strong.
        generator: on the device of the images.

    Returns:
        The same shape, clipped to [-1, 1].
    """
    return change_colour(images, strength * random_colour_factors(len(images), generator, images.device))


def random_colour_factors(count: int, generator: torch.Generator, device: torch.device) -> Tensor:
    """Factors for `change_colour`, uniform in [-1, 1], float32 (count, COLOUR_FACTORS)."""
    return 2 * torch.rand((count, COLOUR_FACTORS), generator=generator, device=device) - 1


def change_colour(images: Tensor, factors: Tensor) -> Tensor:
    """Change the colours of each image in the fixed order saturation, hue, white balance, contrast, brightness.

    Args:
        images: (n, 3, h, w) in [-1, 1].
        factors: (n, COLOUR_FACTORS); 0 leaves an image unchanged. Saturation, hue (1 for 90°), contrast about
            mid-grey, brightness, and the white balance of the three channels (each times 1 + factor / 2).

    Returns:
        The same shape, clipped to [-1, 1].
    """
    saturation, hue = 1 + factors[:, 0], factors[:, 1] * math.pi / 2
    contrast, brightness = 1 + factors[:, 2], 1 + factors[:, 3]
    balance = torch.diag_embed(1 + factors[:, 4:] / 2)
    matrix = balance @ hue_rotation(hue) @ saturate(saturation)
    # In [0, 1]: y = brightness * (0.5 + contrast * (matrix x - 0.5)).
    matrix = (brightness * contrast)[:, None, None] * matrix
    shift = brightness * 0.5 * (1 - contrast)
    colours = (images.flatten(2) + 1) / 2
    changed = torch.baddbmm(shift[:, None, None].expand_as(colours), matrix, colours)
    return (changed * 2 - 1).clamp(-1, 1).view_as(images)


def saturate(factor: Tensor) -> Tensor:
    """RGB matrices (n, 3, 3) that multiply the distance from grey of the same luma by factors (n,); 0: grey."""
    grey = torch.tensor(_LUMA, device=factor.device).expand(3, 3)
    matrix: Tensor = grey + factor[:, None, None] * (torch.eye(3, device=factor.device) - grey)
    return matrix


def hue_rotation(angle: Tensor) -> Tensor:
    """RGB matrices (n, 3, 3) that rotate the hue by angles (n,) in radians."""
    to_yiq = torch.tensor(_YIQ, device=angle.device)
    rotation = torch.eye(3, device=angle.device).repeat(len(angle), 1, 1)
    rotation[:, 1, 1] = rotation[:, 2, 2] = torch.cos(angle)
    rotation[:, 1, 2], rotation[:, 2, 1] = -torch.sin(angle), torch.sin(angle)
    matrix: Tensor = torch.linalg.inv(to_yiq) @ rotation @ to_yiq
    return matrix
