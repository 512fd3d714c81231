"""Random images of all classes, on which the trainings of the check run; their content does not matter."""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from hemabalance.stain.normalizer import Domain, Transformed
from hemabalance.training.job import Images

BLOCK = 8
"""Side of a square of one colour, in pixels: as in photographs, neighbouring pixels are alike."""


@lru_cache(maxsize=8)
def example_pixels(count: int, size: int, seed: int) -> np.ndarray:
    """Images of coloured squares with noise, RGB uint8 (count, size, size, 3)."""
    rng = np.random.default_rng([seed, size])
    side = -(-size // BLOCK)
    squares = rng.integers(40, 216, (count, side, side, 3), np.uint8)
    pixels: np.ndarray = squares.repeat(BLOCK, axis=1).repeat(BLOCK, axis=2)[:, :size, :size]
    pixels = pixels + rng.integers(0, 40, pixels.shape, np.uint8)
    pixels.setflags(write=False)
    return pixels


def example_images(labels: Sequence[str], per_class: int, size: int, seed: int) -> Images:
    """`per_class` images of each class, in the order of the classes."""
    return Images(example_pixels(len(labels) * per_class, size, seed), np.repeat(np.array(labels), per_class))


class ExampleJudge:
    """A judge of generated images that needs no fit: the class of an image follows from its mean level."""

    def __init__(self, classes: Sequence[str]) -> None:
        self.classes = list(classes)

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """The class of each image, str (n,), for RGB uint8 (n, height, width, 3)."""
        places = (pixels.mean((1, 2, 3)) / 256 * len(self.classes)).astype(int)
        labels: np.ndarray = np.array(self.classes)[places]
        return labels


class ExampleTeacher:
    """A teacher of normalisers that needs no fit: it turns the colour channels, forwards to a and backwards to b."""

    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """The images with their channels turned by one place; RGB uint8 (n, height, width, 3)."""
        return Transformed(np.roll(images, 1 if to == "a" else -1, axis=3), np.zeros(len(images), bool))
