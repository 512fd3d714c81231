"""Contact sheet of the images of other sources that the leading row gets wrong, by true class."""

from pathlib import Path
from textwrap import fill

import pandas as pd
from matplotlib.axes import Axes

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.dataset.working_size import positions_of
from hemabalance.report.marks import label_text
from hemabalance.report.sheets import draw_strip, figure_heading, strip_rows
from hemabalance.report.style import save_figure

_A_STRIP = 9
_STRIPS = 4  # of a class at most: more would make the page large
_CELL, _TEXT = 1.0, 0.42  # inches: side of an image, height of the text under it
_WRAP = 19  # characters of a line under an image


def mistakes_sheet(table: pd.DataFrame, images: ImageSet, path: Path, *, heading: str, seed: int) -> None:
    """Draw the images whose predicted class is wrong, by true class, with true and predicted class under each.

    Args:
        table: rows `image_id, label, predicted` of all images that were predicted.
        images: image set with the images that are drawn, all of one square shape.
        path: SVG to write.
        heading: what was predicted by what.
        seed: seed of the choice, by a hash of the image id, where a class has more mistakes than there is room for.

    Raises:
        InputError: an image is missing in the set, or cannot be read.
    """
    wrong = table[table["predicted"] != table["label"]]
    strips = [strip for label in sorted(set(wrong["label"])) for strip in _strips_of(table, wrong, label, seed)]
    figure, axes = strip_rows(len(strips), _A_STRIP, _CELL, below=_TEXT)
    for axis, (text, rows) in zip(axes, strips, strict=False):
        tiles = [images.read(int(position)) for position in positions_of(images, rows["image_id"])]
        draw_strip(axis, tiles, text, _A_STRIP)
        _write_classes(axis, rows)
    if not strips:
        axes[0].text(0, 0.5, f"no mistake among {len(table):,} images", transform=axes[0].transAxes, va="center")
    figure_heading(figure, f"{heading}: {len(wrong):,} of {len(table):,} images are misclassified")
    save_figure(figure, path)


def _strips_of(table: pd.DataFrame, wrong: pd.DataFrame, label: str, seed: int) -> list[tuple[str, pd.DataFrame]]:
    """The strips of a true class, each with the text on its left."""
    rows, total = wrong[wrong["label"] == label], int((table["label"] == label).sum())
    chosen = rows.assign(draw=draws(rows["image_id"], seed=seed)).nsmallest(_A_STRIP * _STRIPS, "draw")
    shown = chosen.sort_values(["predicted", "image_id"])
    text = f"{fill(label_text(label), _WRAP)}\n{len(rows):,} of {total:,} wrong"
    if len(shown) < len(rows):
        text += f",\n{len(shown)} shown"
    starts = range(0, len(shown), _A_STRIP)
    return [("" if start else text, shown.iloc[start : start + _A_STRIP]) for start in starts]


def _write_classes(axis: Axes, rows: pd.DataFrame) -> None:
    for place, row in enumerate(rows.itertuples()):
        text = "\n".join(fill(label_text(label), _WRAP) for label in (str(row.label), f"as {row.predicted}"))
        middle = (place + 0.49) / _A_STRIP
        axis.text(middle, -0.04, text, transform=axis.transAxes, ha="center", va="top", fontsize=6, linespacing=1.05)
