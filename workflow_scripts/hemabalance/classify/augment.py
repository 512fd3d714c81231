"""Random augmentation of training images: pose, place, colour, stain and focus; none changes the cell's class."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hemabalance.training.batches import augment_dihedral
from hemabalance.training.capture_augmentation import augment_capture, defocus, gaussian_blur
from hemabalance.training.colour_augmentation import augment_colour
from hemabalance.training.stain_augmentation import augment_stain


@dataclass(frozen=True)
class Strengths:
    """Strengths of the augmentations; mirroring and quarter turns are always applied.

    Attributes:
        rotate: share of the images that are also rotated by a random angle, 0 to 1.
        colour: strength of the random colours, see `training.colour_augmentation`; 0 for none.
        blur: largest standard deviation of the Gaussian blur in pixels; 0 for none.
        zoom: images are scaled by a factor between 1 - zoom and 1 + zoom; 0 for none.
        shift: images are moved by up to this share of their side along each axis; 0 for none.
        stain: strength of random stain, light and camera (`training.stain_augmentation`), then focus, noise and
            occlusion (`training.capture_augmentation`); 0 for none.
        defocus: largest blur of two images in five, see `training.capture_augmentation.defocus`; 0 for none.
    """

    rotate: float
    colour: float
    blur: float
    zoom: float = 0.0
    shift: float = 0.0
    stain: float = 0.0
    defocus: float = 0.0


def augment(images: Tensor, strengths: Strengths, generator: torch.Generator) -> Tensor:
    """Augment each image independently: pose, rotation, zoom and shift, colours, stain, focus, blur, in that order.

    Args:
        images: float32 (n, 3, s, s) in [-1, 1].
        strengths: strengths of the augmentations.
        generator: random generator on the device of the images; equal states give equal images.

    Returns:
        Images of the same shape and range.
    """
    images = augment_dihedral(images, generator)
    if strengths.rotate:
        images = rotate(images, strengths.rotate, generator)
    if strengths.zoom or strengths.shift:
        images = move(images, strengths.zoom, strengths.shift, generator)
    if strengths.colour:
        images = augment_colour(images, strengths.colour, generator)
    if strengths.stain:
        images = augment_stain(images, strengths.stain, generator)
        images = augment_capture(images, strengths.stain, generator)
    if strengths.defocus:
        images = defocus(images, strengths.defocus, generator)
    if strengths.blur:
        images = blur(images, strengths.blur, generator)
    return images


def rotate(images: Tensor, share: float, generator: torch.Generator) -> Tensor:
    """Rotate a share of the images about their centre by a uniform random angle of up to 45 degrees either way.

    Together with the eight poses, all angles are equally likely. Interpolation is bilinear. Corners are filled with the
    image mirrored at its edges, which is background when the cell is in the middle.

    Args:
        images: float32 (n, c, s, s).
        share: expected share of rotated images, 0 to 1.
        generator: random generator on the device of the images.
    """
    n, device = len(images), images.device
    selector, uniform = torch.rand((2, n), generator=generator, device=device)
    angle = (2 * uniform - 1) * math.pi / 4
    matrix = torch.zeros((n, 2, 3), device=device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = torch.cos(angle)
    matrix[:, 0, 1], matrix[:, 1, 0] = -torch.sin(angle), torch.sin(angle)
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    rotated = functional.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)
    return torch.where((selector < share)[:, None, None, None], rotated, images)


def move(images: Tensor, zoom: float, shift: float, generator: torch.Generator) -> Tensor:
    """Scale each image about its centre by a uniform random factor, and move it by a uniform random distance.

    Interpolation is bilinear; what was outside of the image is the image mirrored at its edges.

    Args:
        images: float32 (n, c, s, s).
        zoom: factors are in [1 - zoom, 1 + zoom], above 1 for a larger cell.
        shift: largest distance along each axis, as a share of the side.
        generator: random generator on the device of the images.
    """
    n, device = len(images), images.device
    uniform = 2 * torch.rand((3, n), generator=generator, device=device) - 1
    matrix = torch.zeros((n, 2, 3), device=device)
    matrix[:, 0, 0] = matrix[:, 1, 1] = 1 / (1 + zoom * uniform[0])
    matrix[:, :, 2] = 2 * shift * uniform[1:].T  # the side is 2 in the coordinates of the grid
    grid = functional.affine_grid(matrix, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, "bilinear", "reflection", align_corners=False)


def blur(images: Tensor, strength: float, generator: torch.Generator) -> Tensor:
    """Gaussian blur of each image, with a standard deviation uniform in [0, `strength`] pixels; edges are repeated.

    Args:
        images: float32 (n, c, h, w).
        strength: largest standard deviation in pixels; kernels extend to twice this distance.
        generator: random generator on the device of the images.
    """
    deviation = strength * torch.rand(len(images), generator=generator, device=images.device)
    return gaussian_blur(images, deviation, math.ceil(2 * strength)).clamp(-1, 1)
