"""The images that a caller gives to the Python interface: arrays, files, folders, zips, or a list of these.

An array is RGB uint8 (height, width, 3) of any size, or (n, height, width, 3). In a folder or zip, the images are the
files with the suffix of an image that are not hidden, sorted by name; `images.zip` of the workflow is such a zip.
"""

import io
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image

from hemabalance.classify.inputs import InputImage, open_inputs
from hemabalance.config.data import LimitsConfig, PixelConfig
from hemabalance.errors import InputError
from hemabalance.sources.archives import Limits
from hemabalance.sources.decode import UnreadableImage, decode
from hemabalance.sources.formats import READABLE

One = np.ndarray | str | PathLike[str]
Given = One | Sequence[One]
"""What a caller may give as images."""

LIMITS = Limits(**LimitsConfig().plain)
"""Limits of folders and zips, where no model has its own."""

_WANTED = f"Give RGB arrays uint8 (height, width, 3) with values 0 to 255, {READABLE} files, or a folder or zip of them"


@dataclass(frozen=True, eq=False)
class ArrayImage(InputImage):
    """An array in place of a file, RGB uint8 (height, width, 3)."""

    pixels: np.ndarray

    def read(self) -> bytes:
        """The bytes of a file with these pixels, without loss: arrays meet the same checks as files."""
        buffer = io.BytesIO()
        Image.fromarray(self.pixels).save(buffer, "BMP")
        return buffer.getvalue()


@contextmanager
def open_images(images: Given, limits: Limits = LIMITS) -> Iterator[tuple[InputImage, ...]]:
    """List images in the order given; folders and zips stay open within the context.

    Args:
        images: see the module. The `path` of an array is its place, such as `images[0]`.
        limits: limits of folders and zips, and of the size of one file.

    Raises:
        InputError: there is no image, an array is no RGB uint8, or as `classify.inputs.open_inputs`.
    """
    with ExitStack() as stack:
        found: list[InputImage] = []
        for place, item in enumerate(_listed(images)):
            if isinstance(item, str | PathLike):
                found += stack.enter_context(open_inputs([Path(item)], limits)).images
            else:
                name = f"images[{place}]"
                found.append(ArrayImage(name, None, name, limits.max_member_bytes, _checked(item, name)))
        if not found:
            raise InputError("images", "there are none", _WANTED)
        yield tuple(found)


def pixels_of(image: InputImage) -> np.ndarray:
    """The pixels of an image at its full size, RGB uint8 (height, width, 3).

    Raises:
        InputError: it cannot be read.
    """
    if isinstance(image, ArrayImage):
        return image.pixels
    try:
        return decode(image.read(), max_pixels=PixelConfig().max_pixels, min_side=1)[0]
    except UnreadableImage as error:
        raise InputError(image.path, error.reason, error.remedy or _WANTED) from error


def _listed(images: Given) -> list[One]:
    is_array = hasattr(images, "__array_interface__")  # also an image of Pillow
    if isinstance(images, str | PathLike) or (is_array and np.ndim(cast(np.ndarray, images)) != 4):
        return [cast(One, images)]
    try:
        return list(images)
    except TypeError as error:
        raise InputError("images", f"is {type(images).__name__}", _WANTED) from error


def _checked(image: object, name: str) -> np.ndarray:
    """The array of an image, or of an object such as Pillow's that gives one."""
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
        raise InputError(name, f"is {pixels.dtype} of shape {pixels.shape}, not an RGB image", _WANTED)
    return pixels
