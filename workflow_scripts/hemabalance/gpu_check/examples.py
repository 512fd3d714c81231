"""Random images of all classes, and untrained teachers, for the trainings of the check; their content is arbitrary."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, cast

import numpy as np

from hemabalance.methods import method_names, settings_class, traits_of
from hemabalance.stain.normalizer import Domain, Transformed
from hemabalance.synthesis.generator import Generator
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime
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


def untrained_teacher(student: GeneratorSpec, classes: Classes, size: int, runtime: Runtime) -> Generator | None:
    """A generator whose network the student can start from, untrained; None if the student starts from none.

    Its method is the first one of the listing that the config would accept.

    Args:
        student: method and settings of the student.
        classes: of the student; the teacher serves the trained ones or, if the student needs it, the served ones too.
        size: side of the images in pixels.
        runtime: device of the networks.

    Raises:
        LookupError: there is no such method.
    """
    shared = student.traits.starts_from_teacher
    if not shared:
        return None
    role = student.traits.teacher_serves
    labels = classes.trained if role == "rich" else tuple(sorted({*classes.trained, *classes.served}))
    for method in method_names("synthesis"):
        settings, traits = settings_class("synthesis", method), traits_of("synthesis", method)
        if traits.serves == role and not traits.meta_learned and set(shared) <= settings.model_fields.keys():
            values = {key: getattr(student.settings, key) for key in shared}
            teacher = GeneratorSpec(method=method, settings=cast(Any, settings(**values)))
            known = Classes(labels, labels, classes.run)
            return teacher.build(classes=known, size=size, runtime=runtime)
    raise LookupError(f"no method has the settings {', '.join(shared)}, which {student.method} shares with its teacher")
