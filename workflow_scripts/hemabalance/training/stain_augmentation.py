"""Random stain, light and camera: a classifier that has seen them reads images of other laboratories.

An image is light behind the cells, which the stains absorb, photographed by a camera. In this order, for a strength s,
with standard normal numbers N of each image's own:

stain    the optical densities of the channels times the matrix diag(exp(0.25 s N)) + 0.10 s N (3x3), each to a power
         exp(0.18 s N), all times exp(0.15 s N)
light    the distance of each channel from white times exp(0.3 s N), that of all channels times U(0, 1.6)
camera   hue turned by 0.25 s N radians; saturation times exp(0.25 s N) or, for one image in twenty, 0; contrast times
         exp(0.15 s N) about mid-grey; brightness plus 0.06 s N of the range from black to white

`capture_augmentation` has the rest: focus, noise and occlusion.
"""

import torch
from torch import Tensor

from hemabalance.training.colour_augmentation import hue_rotation, saturate

GREY_SHARE = 0.05
"""Expected share of the images that lose their colours."""
LIGHT_RANGE = 1.6
"""Largest factor of the distance of the light from white; the smallest is 0."""

_LIGHT_QUANTILE = 0.95
_LIGHT_STEP = 4
_DARKEST = 0.1
_EPSILON = 1 / 255


def augment_stain(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change stain, light and camera of each image at random; see the module.

    Args:
        images: float32 (n, 3, h, w) in [-1, 1].
        strength: s of the module, above 0; 0.6 is strong. The share of grey images and the range of the light are the
            same for every strength.
        generator: on the device of the images.

    Returns:
        The same shape, clipped to [-1, 1].
    """
    light = light_of(images)
    density = optical_density((images.flatten(2) + 1) / 2, light)
    density = change_stain(density, strength, generator)
    light = change_light(light, strength, generator)
    colours = change_camera(transmitted(density, light), strength, generator)
    return (2 * colours - 1).clamp(-1, 1).view_as(images)


def light_of(images: Tensor) -> Tensor:
    """The colour of the light: the 0.95 quantile of each channel over every fourth pixel of every fourth row.

    Args:
        images: (n, 3, h, w) in [-1, 1].

    Returns:
        (n, 3) in [0.1, 1], from black to white; the lower bound is for images without a bright background.
    """
    pixels = images[:, :, ::_LIGHT_STEP, ::_LIGHT_STEP].flatten(2).sort(dim=2).values
    brightest = pixels[:, :, int(_LIGHT_QUANTILE * (pixels.shape[2] - 1))]
    return ((brightest + 1) / 2).clamp_min(_DARKEST)


def optical_density(colours: Tensor, light: Tensor) -> Tensor:
    """Optical density (n, 3, p), natural logarithm, of colours (n, 3, p) in [0, 1] before a light (n, 3).

    Negative where a pixel is brighter than the light. Colours and light are raised by 1 / 255, so that black is finite.
    """
    return ((light + _EPSILON)[:, :, None] / (colours + _EPSILON)).log()


def transmitted(density: Tensor, light: Tensor) -> Tensor:
    """The inverse of `optical_density`: colours (n, 3, p), not clipped."""
    return (light + _EPSILON)[:, :, None] * torch.exp(-density) - _EPSILON


def change_stain(density: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change the colours of the stains and how the density grows with their amount; optical densities (n, 3, p).

    The power keeps the sign of negative densities.
    """
    scale, gamma = _factors(0.25 * strength, density, 3, generator), _factors(0.18 * strength, density, 3, generator)
    mixing = 0.1 * strength * _normal(density, 9, generator).view(-1, 3, 3)
    gain = _factors(0.15 * strength, density, 1, generator)
    mixed = (torch.diag_embed(scale) + mixing) @ density
    return (gain[:, :, None] * mixed.abs().pow(gamma[:, :, None])).copysign(mixed)


def change_light(light: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change the distance of the light from white in each channel; (n, 3) in [0, 1] to (n, 3) in [0.1, 1]."""
    channels = _factors(0.3 * strength, light, 3, generator)
    both = LIGHT_RANGE * torch.rand((len(light), 1), generator=generator, device=light.device)
    return (1 - (1 - light) * channels * both).clamp_min(_DARKEST)


def change_camera(colours: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change hue, saturation, contrast and brightness of colours (n, 3, p) from 0 to 1; not clipped."""
    hue, brightness = _normal(colours, 2, generator).mul(strength).unbind(1)
    saturation, contrast = (_factors(share * strength, colours, 1, generator)[:, 0] for share in (0.25, 0.15))
    grey = torch.rand(len(colours), generator=generator, device=colours.device) < GREY_SHARE
    turned = hue_rotation(0.25 * hue) @ saturate(saturation.masked_fill(grey, 0.0))
    # y = 0.5 + contrast * (turned x - 0.5) + brightness.
    shift = 0.5 * (1 - contrast) + 0.06 * brightness
    return torch.baddbmm(shift[:, None, None].expand_as(colours), contrast[:, None, None] * turned, colours)


def _normal(like: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Standard normal numbers (n, count), as many rows as the other tensor has."""
    return torch.randn((len(like), count), generator=generator, device=like.device)


def _factors(deviation: float, like: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Factors exp(deviation N), (n, count), as many rows as the other tensor has."""
    return torch.exp(deviation * _normal(like, count, generator))
