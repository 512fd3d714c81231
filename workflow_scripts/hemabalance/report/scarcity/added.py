"""Contact sheets of what was added: the real training images kept of each scarce class beside synthetic ones."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import REAL, read_balanced, read_images
from hemabalance.dataset.imageset import ImageSet, open_sets
from hemabalance.report.items import figure_item
from hemabalance.report.marks import FAINT, label_text
from hemabalance.report.sheets import draw_strip, figure_heading, strip_headings, strip_rows
from hemabalance.report.style import save_figure

_SHOWN = 10  # images of each class, real and synthetic
_CELL = 0.6  # inches


@dataclass(frozen=True)
class AddedImages:
    """The images that one generator adds to one balanced set of a scarce protocol.

    Attributes:
        protocol, n, draw: the protocol, its number of training images of each scarce class, the number of its draw.
        recipe: name of the balanced set.
        generator: name of the generator, and of its image set.
        size: side of all images of the balanced set, in pixels.
        table: the balanced set.
        zips, indexes: paths of the files of two image sets: normalised real images, images of the generator.
        figure: SVG to write.
    """

    protocol: str
    n: int
    draw: int
    recipe: str
    generator: str
    size: int
    table: Path
    zips: tuple[str, str]
    indexes: tuple[str, str]
    figure: Path


def added_item(added: AddedImages, classes: Sequence[str]) -> dict[str, Any]:
    """Draw the contact sheet, and return it as an item of the page.

    Args:
        added: names and files.
        classes: the scarce classes.

    Raises:
        InputError: a file is missing or cannot be read, or the balanced set is of other images than the image sets.
    """
    rows = read_balanced(added.table)
    rows = rows[rows["part"] == "train"]
    title = f"{added.generator} in {added.recipe}, {added.protocol}"
    with open_sets((REAL, added.generator), added.zips, added.indexes) as sets:
        added_sheet(rows, sets, added.figure, classes=classes, size=added.size, heading=f"{title}, {added.size} px")
    return figure_item(added.figure, title=title, note=added_note(rows, added, classes))


def added_sheet(
    rows: pd.DataFrame, sets: Mapping[str, ImageSet], path: Path, *, classes: Sequence[str], size: int, heading: str
) -> None:
    """Draw for each class up to ten real images, a gap, and the first ten synthetic images.

    Args:
        rows: training images of a balanced set, in its order.
        sets: image sets `REAL` and of one generator, by name.
        path: SVG to write.
        classes: classes to show, one below the other.
        size: side of the images in pixels.
        heading: heading of the figure.

    Raises:
        InputError: as `balanced_set.read_images`.
    """
    generator = next(name for name in sets if name != REAL)
    parts = [[_of_class(rows, label, name).head(_SHOWN) for name in (REAL, generator)] for label in classes]
    left = max(len(real) for real, _ in parts)
    places = left + 1 + _SHOWN
    blank = np.full((1, size, size, 3), 255, np.uint8)
    figure, axes = strip_rows(len(classes), places, _CELL)
    for axis, label, (real, synthetic) in zip(axes, classes, parts, strict=True):
        pixels = [read_images(part, sets, size, threads=1) for part in (real, synthetic)]
        draw_strip(axis, [*pixels[0], *blank.repeat(left + 1 - len(real), 0), *pixels[1]], label_text(label), places)
        if synthetic.empty:
            axis.text((left + 1) / places, 0.5, "none added", transform=axis.transAxes, va="center", color=FAINT)
    strip_headings(axes[0], ["real", *[""] * left, "synthetic", *[""] * (_SHOWN - 1)])
    figure_heading(figure, heading)
    save_figure(figure, path)


def added_note(rows: pd.DataFrame, added: AddedImages, classes: Sequence[str]) -> str:
    """Caption of the contact sheet: n, that it is of one draw, and the number of images added to each class.

    Args:
        rows: training images of the balanced set.
        added, classes: as for `added_item`.
    """
    counts = {label_text(label): len(_of_class(rows, label, added.generator)) for label in classes}
    numbers = ", ".join(f"{label} {count:,}" for label, count in counts.items() if count)
    without = ", ".join(label for label, count in counts.items() if not count)
    shown = f"at most {_SHOWN} of the n = {added.n:,}" if added.n > _SHOWN else f"the n = {added.n:,}"
    sentences = [
        f"From one draw, number {added.draw}. Left: {shown} real training images that were kept of each scarce class.",
        f"Right: the first synthetic images that were added, at most {_SHOWN}. Added: {numbers}." if numbers else "",
        f"{added.generator} added no image of: {without}." if without else "",
    ]
    return " ".join(filter(None, sentences))


def _of_class(rows: pd.DataFrame, label: str, image_set: str) -> pd.DataFrame:
    return rows[(rows["label"] == label) & (rows["image_set"] == image_set)]
