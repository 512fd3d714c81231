"""Test images with the twelve confidences that a classifier gave (thesis Figs. 55 and 56), and its mistakes (57)."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.dataset.working_size import positions_of
from hemabalance.report.marks import BLUE, FAINT, GREY, LINE, ORANGE, measured_key, spaced
from hemabalance.report.sheets import bare, small
from hemabalance.report.style import save_figure
from hemabalance.taxonomy import CLASSES

_EACH = 3  # of a class, as in the thesis
_MISTAKES = 12
_COLUMNS = 3
# Inches: a picture and the height of its bars, their length, their names, words above, on the left, on top and below.
_SIDE, _LENGTH, _NAMES, _ABOVE, _LEFT, _TOP, _BELOW = 1.1, 0.85, 1.4, 0.2, 1.45, 0.15, 0.4
_NAMED = 0.02  # confidence from which a bar has its name


def examples_figure(images: ImageSet, predictions: pd.DataFrame, path: Path, *, of: str, seed: int) -> None:
    """Draw of each class three test images, chosen by a hash whether they were told right or not, with confidences.

    Args:
        images: holds the test images as the classifier was given them.
        predictions: a row a test image, `image_id, label, predicted, confidence, p_<class>`.
        path: SVG to write.
        of: experiment and protocol, for the heading.
        seed: of the choice.

    Raises:
        InputError: an image is not in the set.
    """
    known = predictions.assign(draw=draws(predictions["image_id"], seed=seed))
    classes = [label for label in CLASSES if (known["label"] == label).any()]
    figure, cells = _grid(len(classes), _LEFT)
    for line, label in zip(cells, classes, strict=False):
        rows = known[known["label"] == label].sort_values(["draw", "image_id"])
        right = int((rows["predicted"] == label).sum())
        words = f"{spaced(label)}\n{right:,} of {len(rows):,}\nright"
        line[0, 0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=8)
        for (picture, bars), row in zip(line, rows.head(_EACH).to_dict("records"), strict=False):
            wrong = row["predicted"] != label
            _answer(picture, bars, images, row, f"taken for {spaced(row['predicted'])}" if wrong else "")
    _finish(figure, f"{of}: chosen by a hash, right or not; bars are the twelve confidences, in the classes' order")
    save_figure(figure, path)


def mistakes_figure(images: ImageSet, predictions: pd.DataFrame, path: Path, *, of: str) -> None:
    """Draw the twelve mistakes that the classifier was surest of, with its confidences.

    Args:
        images, predictions, path, of: as for `examples_figure`.

    Raises:
        InputError: an image is not in the set.
    """
    wrong = predictions[predictions["predicted"] != predictions["label"]]
    shown = wrong.sort_values(["confidence", "image_id"], ascending=[False, True]).head(_MISTAKES).to_dict("records")
    figure, cells = _grid(-(-len(shown) // _COLUMNS), 0)
    for (picture, bars), row in zip(cells.reshape(-1, 2), shown, strict=False):
        _answer(picture, bars, images, row, f"{spaced(row['label'])}, taken for {spaced(row['predicted'])}")
    count = f"{len(wrong):,} mistakes among {len(predictions):,} test images"
    if not shown:
        cells[0, 0, 0].text(0, 0.5, f"no mistake among {len(predictions):,} test images", va="center")
    _finish(figure, f"{of}: {count}, the surest first" if shown else of)
    save_figure(figure, path)


def _grid(lines: int, left: float) -> tuple[Figure, np.ndarray]:
    """A figure of cells, axes (lines, 3, 2): of a picture, and of its bars; at fixed places, words stand beside."""
    lines, cell = max(lines, 1), _SIDE + 0.06 + _LENGTH + _NAMES
    width, height = left + cell * _COLUMNS, (_SIDE + _ABOVE) * lines + _TOP + _BELOW
    figure = Figure(figsize=(width, height))
    cells = np.empty((lines, _COLUMNS, 2), object)
    for line, column in np.ndindex(lines, _COLUMNS):
        x, y = left + cell * column, height - _TOP - (_SIDE + _ABOVE) * (line + 1)
        for place, (start, length) in enumerate(((x, _SIDE), (x + _SIDE + 0.06, _LENGTH))):
            axis = figure.add_axes((start / width, y / height, length / width, _SIDE / height))
            bare(axis)
            cells[line, column, place] = axis
    return figure, cells


def _answer(picture: Axes, bars: Axes, images: ImageSet, row: dict[str, object], title: str) -> None:
    at = positions_of(images, pd.Series([row["image_id"]]))[0]
    picture.imshow(small([images.read(int(at))])[0], interpolation="none")
    if title:
        picture.set_title(title, loc="left", fontsize=7.5, color=ORANGE, pad=3)
    shares = np.array([float(str(row[f"p_{label}"])) for label in CLASSES])
    colours = [BLUE if label == row["label"] else ORANGE if label == row["predicted"] else GREY for label in CLASSES]
    bars.barh(range(len(CLASSES)), shares, color=colours, height=0.8)
    bars.axvline(0, color=FAINT, linewidth=0.8)
    bars.axvline(1, color=LINE, linewidth=0.8, zorder=0)
    bars.set_xlim(0, 1)
    bars.set_ylim(len(CLASSES) - 0.4, -0.6)
    beside = blended_transform_factory(bars.transAxes, bars.transData)
    for place, (label, share, colour) in enumerate(zip(CLASSES, shares, colours, strict=True)):
        if share >= _NAMED or label in (row["label"], row["predicted"]):
            words = f"{share:.0%} {spaced(label)}" if share >= 0.005 else f"<1% {spaced(label)}"
            bars.text(1.04, place, words, transform=beside, fontsize=6.5, va="center", color=colour)


def _finish(figure: Figure, words: str) -> None:
    figure.suptitle(words, x=0, y=1, ha="left", va="top", fontsize=9, color=FAINT)
    key = [
        measured_key("the true class", BLUE),
        measured_key("taken for, wrongly", ORANGE),
        measured_key("other classes", GREY),
    ]
    figure.legend(handles=key, loc="lower center", ncols=3, frameon=False, borderaxespad=0)
