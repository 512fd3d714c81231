"""Differentiable augmentation (Zhao, Liu, Lin, Zhu, Han 2020, arXiv:2006.10738).

In a GAN, real and generated images are augmented alike at every use by the discriminator, and the generator's gradients
flow through the augmentation (section 3.2). So the discriminator sees few images in many forms, and the generator does
not learn to make augmented images. Ranges are those of the authors' code, for images in [-1, 1]:

colour       brightness: plus U(-0.5, 0.5); saturation: distance from the mean of the channels times U(0, 2);
             contrast: distance from the mean of the image times U(0.5, 1.5)
translation  by whole pixels, uniform up to an eighth of the side down and across, empty pixels 0
cutout       a square of half the side around a uniform pixel, cut off at the edges, set to 0
"""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from hemabalance.training.augmentation_policy import Kind, Policy

SHIFT = 1 / 8
"""Largest translation as a share of the side."""
CUT = 1 / 2
"""Side of the cut square as a share of the side."""


def differentiable_augmentation(images: Tensor, policy: Policy, rng: torch.Generator) -> Tensor:
    """Augment each image with random numbers of its own; gradients flow through every kind.

    Real and generated batches get the same policy, each with its own random numbers, as in the authors' code. Values
    may leave [-1, 1], as there.

    Args:
        images: (n, 3, h, w) in [-1, 1].
        policy: kinds of augmentation, applied in this order; () returns the images.
        rng: random generator on the device of the images.

    Returns:
        The same shape and type.

    Raises:
        ValueError: an unknown kind.
    """
    for kind in policy:
        if kind not in _KINDS:
            raise ValueError(f"augmentation {kind!r} is none of {', '.join(_KINDS)}")
        images = _KINDS[kind](images, rng)
    return images


def _colour(images: Tensor, rng: torch.Generator) -> Tensor:
    random = torch.rand((3, len(images), 1, 1, 1), generator=rng, device=images.device).to(images.dtype)
    brighter = images + (random[0] - 0.5)
    grey = brighter.mean(dim=1, keepdim=True)
    saturated = grey + (brighter - grey) * (2 * random[1])
    mean = saturated.mean(dim=(1, 2, 3), keepdim=True)
    return mean + (saturated - mean) * (random[2] + 0.5)


def _translation(images: Tensor, rng: torch.Generator) -> Tensor:
    for axis in (2, 3):
        side = images.shape[axis]
        source = torch.arange(side, device=images.device) - _integers(images, -_pixels(side, SHIFT), rng)
        shape = [len(images), 1, 1, 1]
        shape[axis] = side
        # A rotation without its wrapped part: no pixel is read twice, so the gradient is the same in every run.
        rotated = images.gather(axis, (source % side).view(shape).expand_as(images))
        images = rotated * ((source >= 0) & (source < side)).view(shape)
    return images


def _cutout(images: Tensor, rng: torch.Generator) -> Tensor:
    inside = torch.ones((len(images), 1, 1, 1), dtype=torch.bool, device=images.device)
    for axis in (2, 3):
        side = images.shape[axis]
        cut = _pixels(side, CUT)
        first = torch.randint(side + 1 - cut % 2, (len(images), 1), generator=rng, device=images.device) - cut // 2
        places = torch.arange(side, device=images.device)
        shape = [len(images), 1, 1, 1]
        shape[axis] = side
        inside = inside & ((places >= first) & (places < first + cut)).view(shape)
    return images * ~inside


def _integers(images: Tensor, least: int, rng: torch.Generator) -> Tensor:
    """Uniform integers (n, 1) from `least` to `-least`, for n images."""
    return torch.randint(least, 1 - least, (len(images), 1), generator=rng, device=images.device)


def _pixels(side: int, share: float) -> int:
    return int(side * share + 0.5)


_KINDS: Mapping[Kind, Callable[[Tensor, torch.Generator], Tensor]] = {
    "colour": _colour,
    "translation": _translation,
    "cutout": _cutout,
}
