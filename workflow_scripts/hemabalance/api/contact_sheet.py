"""Contact sheets: a few images side by side in one PNG."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

_SIDE = 144
_GAP = 4
_HEADING = 24
_MARGIN = 12


def thumbnail(pixels: np.ndarray, side: int = _SIDE) -> Image.Image:
    """An image in a square of `side` pixels, on white: reduced to fit, or enlarged by whole pixels.

    Args:
        pixels: RGB uint8 (height, width, 3).
        side: of the square in pixels.
    """
    image = Image.fromarray(pixels)
    longer = max(image.size)
    if longer < side:
        factor = side // longer
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    else:
        image.thumbnail((side, side), Image.Resampling.BOX)
    square = Image.new("RGB", (side, side), "white")
    square.paste(image, ((side - image.width) // 2, (side - image.height) // 2))
    return square


def evenly_spread(count: int, most: int) -> list[int]:
    """Up to `most` places among `count`, the first and the last among them, in order."""
    return [int(place) for place in np.linspace(0, count - 1, min(most, count)).round()]


def write_contact_sheet(strips: Iterable[tuple[str, Sequence[np.ndarray]]], path: Path) -> None:
    """Write strips of images, one below the other, each below its heading.

    Args:
        strips: heading and images, RGB uint8 (height, width, 3) of any sizes; a heading may be empty.
        path: PNG to write.
    """
    rows = [(heading, [thumbnail(pixels) for pixels in images]) for heading, images in strips]
    columns = max((len(images) for _, images in rows), default=0)
    heights = [_SIDE + _GAP + (_HEADING if heading else 0) for heading, _ in rows]
    width = max(columns * (_SIDE + _GAP), 2 * _SIDE) + 2 * _MARGIN
    sheet = Image.new("RGB", (width, sum(heights) + 2 * _MARGIN), "white")
    draw, font, top = ImageDraw.Draw(sheet), ImageFont.load_default(15), _MARGIN
    for (heading, images), height in zip(rows, heights, strict=True):
        if heading:
            draw.text((_MARGIN, top + 2), heading, fill="#1b1b1f", font=font)
        for place, image in enumerate(images):
            sheet.paste(image, (_MARGIN + place * (_SIDE + _GAP), top + height - _SIDE - _GAP))
        top += height
    sheet.save(path, "PNG")
