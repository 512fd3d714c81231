"""Random focus, noise and occlusion of training images: the part of the stain augmentation that is no colour.

The source (a probe of other laboratories) states the shares of the blurred and the sharpened images; the other numbers
are ours.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

BLUR_SHARE, SHARPEN_SHARE, CUT_SHARE = 0.25, 0.2, 0.25
"""Expected shares of the images that are blurred; sharpened, never the same; and partly covered."""
DEFOCUS_SHARE = 0.4
"""Expected share of the images that `defocus` blurs."""
BLUR = 0.02
"""Largest standard deviation of the Gaussian blur at strength 1, as a share of the side of the image."""
SHARPEN = 2.0
"""Largest factor at strength 1 of the details that sharpening adds."""
NOISE = 0.04
"""Largest standard deviation of the noise at strength 1, as a share of the range from black to white."""
CUT = 0.5
"""Largest side of the covered square at strength 1, as a share of the side of the image."""


def augment_capture(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Change focus and noise of each image at random, and cover a square of some.

    Args:
        images: float32 (n, c, h, w) in [-1, 1].
        strength: 0 to 1; proportional to the largest changes, without effect on the shares.
        generator: on the device of the images.

    Returns:
        The same shape, clipped to [-1, 1].
    """
    images = change_focus(images, strength, generator)
    images = add_noise(images, strength, generator).clamp(-1, 1)
    return cover(images, strength, generator)


def change_focus(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Blur a quarter of the images and sharpen a fifth, by an unsharp mask; (n, c, h, w), not clipped.

    The standard deviation of the blur, and of the blurred image whose distance is added in sharpening, is uniform in
    [0, BLUR strength] sides; the factor of that distance is uniform in [0, SHARPEN strength].
    """
    random = torch.rand((3, len(images)), generator=generator, device=images.device)
    blurred = random[0] < BLUR_SHARE
    towards_blur = torch.where(blurred, 1.0, -SHARPEN * strength * random[1])
    rows = torch.nonzero(random[0] < BLUR_SHARE + SHARPEN_SHARE)[:, 0]
    largest = BLUR * strength * max(images.shape[2:])
    chosen = images[rows]
    smooth = gaussian_blur(chosen, largest * random[2][rows], math.ceil(2 * largest))
    return images.index_copy(0, rows, chosen + towards_blur[rows, None, None, None] * (smooth - chosen))


def defocus(images: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Blur two images in five, as a microscope does that is not in focus; (n, c, h, w), not clipped.

    Laboratories differ in focus, and so may the classes within one of them, which a classifier learns in place of the
    cells: without this, it takes a blurred cell for one of the class whose training images are the most blurred.

    Args:
        images: float32 (n, c, h, w).
        largest: the standard deviation of the Gaussian blur is uniform between 0 and this share of the image's side.
        generator: on the device of the images.
    """
    random = torch.rand((2, len(images)), generator=generator, device=images.device)
    rows = torch.nonzero(random[0] < DEFOCUS_SHARE)[:, 0]
    pixels = largest * max(images.shape[2:])
    return images.index_copy(0, rows, gaussian_blur(images[rows], pixels * random[1][rows], math.ceil(2 * pixels)))


def add_noise(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Add normal noise of every pixel and channel, (n, c, h, w) in [-1, 1], not clipped.

    The standard deviation of each image is uniform in [0, 2 NOISE strength]: the range from black to white is 2.
    """
    deviation = 2 * NOISE * strength * torch.rand((len(images), 1, 1, 1), generator=generator, device=images.device)
    return torch.randn(images.shape, generator=generator, device=images.device).mul_(deviation).add_(images)


def cover(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Cover a square of a quarter of the images with their mean colour; (n, c, h, w).

    Cutout (DeVries, Taylor 2017, arXiv:1708.04552). The side is uniform in [0, CUT strength] sides of the image, the
    centre uniform in the image.
    """
    random = torch.rand((4, len(images), 1, 1, 1), generator=generator, device=images.device)
    half = CUT * strength * random[0] / 2
    inside = random[1] < CUT_SHARE
    for axis, centre in ((2, random[2]), (3, random[3])):
        side = images.shape[axis]
        places = (torch.arange(side, device=images.device) + 0.5) / side
        distance = (places.view((-1, 1) if axis == 2 else (1, -1)) - centre).abs()
        inside = inside & (distance < half)
    return torch.where(inside, images.mean(dim=(2, 3), keepdim=True), images)


def gaussian_blur(images: Tensor, deviation: Tensor, radius: int) -> Tensor:
    """Gaussian blur of each image with a standard deviation of its own; edges are repeated.

    Args:
        images: float32 (n, c, h, w).
        deviation: (n,) in pixels, not negative.
        radius: distance in pixels at which the kernels are cut off, twice the largest deviation or more.
    """
    offsets = torch.arange(-radius, radius + 1, device=images.device)
    # The lower bound avoids weights of 0 / 0.
    weights = torch.exp(-0.5 * (offsets / deviation.clamp_min(1e-3)[:, None]).square())
    weights = weights / weights.sum(dim=1, keepdim=True)
    for axis in (-1, -2):
        padding = (radius, radius, 0, 0) if axis == -1 else (0, 0, radius, radius)
        padded, side = functional.pad(images, padding, mode="replicate"), images.shape[axis]
        # A sum of shifted images is deterministic on a GPU; a grouped convolution is not.
        images = sum(
            (weights[:, k, None, None, None] * padded.narrow(axis, k, side) for k in range(len(offsets))),
            start=torch.zeros_like(images),
        )
    return images
