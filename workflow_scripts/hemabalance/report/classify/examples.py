"""Figures of test images with the confidences of a classifier (thesis Figs. 55 and 56), and of mistakes (57)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.classify.predictions import classes_of
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.dataset.working_size import positions_of
from hemabalance.report.marks import BLUE, FAINT, GREY, LINE, ORANGE, label_text, measured_legend
from hemabalance.report.sheets import thumbnails
from hemabalance.report.style import save_figure

_EXAMPLES = 3  # per class, as in the thesis
_MISTAKES = 12
_BARS = 12  # most classes of which an image shows the confidence
_COLUMNS = 3
# Inches: side of an image and height of its bars, length of bars, width of bar labels, and space for text.
_SIDE, _LENGTH, _NAMES, _ABOVE, _LEFT, _TOP, _BELOW = 1.1, 0.85, 1.4, 0.2, 1.45, 0.15, 0.4
_BETWEEN, _MARGIN = 0.06, 0.05  # of image and bars, and of a label and what it belongs to
_CELL = _SIDE + _BETWEEN + _LENGTH + _NAMES
_LABELLED = 0.02  # least confidence of a bar with a label
_WORDS = ["no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]


def examples_figure(images: ImageSet, predictions: pd.DataFrame, path: Path, *, heading: str, seed: int) -> None:
    """Draw three test images of each class with confidences, chosen by a hash independent of the prediction.

    Args:
        images: image set that contains the test images as the classifier saw them.
        predictions: one row per test image: `image_id, label, predicted, confidence, p_<class>`.
        path: SVG to write.
        heading: experiment and protocol.
        seed: seed of the choice.

    Raises:
        InputError: an image is missing in the set.
    """
    drawn = predictions.assign(draw=draws(predictions["image_id"], seed=seed))
    classes = [label for label in classes_of(predictions) if (drawn["label"] == label).any()]
    figure, canvas = _grid(len(classes), _LEFT)
    of_model = classes_of(predictions)
    for place, label in enumerate(classes):
        rows = drawn[drawn["label"] == label].sort_values(["draw", "image_id"])
        correct = int((rows["predicted"] == label).sum())
        text = f"{label_text(label)}\n{correct:,} of {len(rows):,}\ncorrect"
        x, y = _corner(place, 0, _LEFT)
        canvas.text(x - _MARGIN, y + _SIDE / 2, text, ha="right", va="center", fontsize=8)
        for column, row in enumerate(rows.head(_EXAMPLES).to_dict("records")):
            is_wrong = row["predicted"] != label
            title = f"predicted as {label_text(row['predicted'])}" if is_wrong else ""
            _draw_prediction(canvas, _corner(place, column, _LEFT), images, row, of_model, title)
    _finish(
        figure,
        f"{heading}: chosen by a hash, correct or not; bars are {_bars_text(len(of_model))}, in the order of the "
        "classes",
    )
    save_figure(figure, path)


def mistakes_figure(images: ImageSet, predictions: pd.DataFrame, path: Path, *, heading: str) -> None:
    """Draw the twelve mistakes with the highest confidence.

    Args:
        images, predictions, path, heading: as for `examples_figure`.

    Raises:
        InputError: an image is missing in the set.
    """
    mistakes = predictions[predictions["predicted"] != predictions["label"]]
    rows = mistakes.sort_values(["confidence", "image_id"], ascending=[False, True]).head(_MISTAKES).to_dict("records")
    figure, canvas = _grid(-(-len(rows) // _COLUMNS), 0)
    for place, row in enumerate(rows):
        title = f"{label_text(row['label'])}, predicted as {label_text(row['predicted'])}"
        corner = _corner(*divmod(place, _COLUMNS), 0)
        _draw_prediction(canvas, corner, images, row, classes_of(predictions), title)
    count = f"{len(mistakes):,} mistakes among {len(predictions):,} test images"
    if not rows:
        canvas.text(0, _corner(0, 0, 0)[1] + _SIDE / 2, f"no mistake among {len(predictions):,} test images")
    _finish(figure, f"{heading}: {count}, most confident first" if rows else heading)
    save_figure(figure, path)


def _grid(rows: int, left: float) -> tuple[Figure, Axes]:
    """A figure for a number of rows with `left` inches for labels, and a canvas in inches from its upper left corner.

    All images and bars are drawn on it: with axes of their own, they take half as long again.
    """
    width, height = left + _CELL * _COLUMNS, (_SIDE + _ABOVE) * max(rows, 1) + _TOP + _BELOW
    figure = Figure(figsize=(width, height))
    canvas = figure.add_axes((0, 0, 1, 1))
    canvas.axis("off")
    canvas.set(xlim=(0, width), ylim=(height, 0), autoscale_on=False)
    return figure, canvas


def _corner(row: int, column: int, left: float) -> tuple[float, float]:
    """The upper left corner of an image on the canvas of `_grid`."""
    return left + _CELL * column, _TOP + _ABOVE + (_SIDE + _ABOVE) * row


def _bars_text(classes: int) -> str:
    if classes <= _BARS:
        return f"the {_WORDS[classes]} confidences"
    return f"{_WORDS[_BARS]} of the {classes} confidences, that of the true class and the highest"


def _with_bars(row: dict[str, Any], classes: Sequence[str]) -> list[str]:
    """The classes whose confidence is shown: true and predicted class, and those of the highest confidence."""
    by_rank = sorted(classes, key=lambda label: (label not in (row["label"], row["predicted"]), -row[f"p_{label}"]))
    shown = set(by_rank[:_BARS])
    return [label for label in classes if label in shown]


def _draw_prediction(
    canvas: Axes,
    corner: tuple[float, float],
    images: ImageSet,
    row: dict[str, Any],
    of_model: Sequence[str],
    title: str,
) -> None:
    x, y = corner
    position = positions_of(images, pd.Series([row["image_id"]]))[0]
    tile = thumbnails([images.read(int(position))])[0]
    canvas.imshow(tile, extent=(x, x + _SIDE, y + _SIDE, y), aspect="auto", interpolation="none")
    if title:
        canvas.text(x, y - _MARGIN, title, fontsize=7.5, color=ORANGE, va="bottom")
    classes = _with_bars(row, of_model)
    shares = np.array([float(str(row[f"p_{label}"])) for label in classes])
    colours = [BLUE if label == row["label"] else ORANGE if label == row["predicted"] else GREY for label in classes]
    start, pitch = x + _SIDE + _BETWEEN, _SIDE / (len(classes) + 0.2)
    centres = y + pitch * (np.arange(len(classes)) + 0.6)
    canvas.barh(centres, shares * _LENGTH, left=start, color=colours, height=0.8 * pitch)
    canvas.vlines(start, y, y + _SIDE, color=FAINT, linewidth=0.8)
    canvas.vlines(start + _LENGTH, y, y + _SIDE, color=LINE, linewidth=0.8, zorder=0)
    for centre, label, share, colour in zip(centres, classes, shares, colours, strict=True):
        if share >= _LABELLED or label in (row["label"], row["predicted"]):
            text = f"{share:.0%} {label_text(label)}" if share >= 0.005 else f"<1% {label_text(label)}"
            canvas.text(start + 1.04 * _LENGTH, centre, text, fontsize=6.5, va="center", color=colour)


def _finish(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0, y=1, ha="left", va="top", fontsize=9, color=FAINT)
    legend = [
        measured_legend("the true class", BLUE),
        measured_legend("predicted class, if wrong", ORANGE),
        measured_legend("other classes", GREY),
    ]
    figure.legend(handles=legend, loc="lower center", ncols=3, frameon=False, borderaxespad=0)
