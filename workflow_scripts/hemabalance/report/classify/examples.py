"""Figures of test images with the confidences of a classifier (thesis Figs. 55 and 56), and of mistakes (57)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from hemabalance.classify.predictions import classes_of
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import draws
from hemabalance.dataset.working_size import positions_of
from hemabalance.report.marks import BLUE, FAINT, GREY, LINE, ORANGE, label_text, measured_legend
from hemabalance.report.sheets import hide_axes, thumbnails
from hemabalance.report.style import save_figure

_EXAMPLES = 3  # per class, as in the thesis
_MISTAKES = 12
_BARS = 12  # most classes of which an image shows the confidence
_COLUMNS = 3
# Inches: side of an image and height of its bars, length of bars, width of bar labels, and space for text.
_SIDE, _LENGTH, _NAMES, _ABOVE, _LEFT, _TOP, _BELOW = 1.1, 0.85, 1.4, 0.2, 1.45, 0.15, 0.4
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
    figure, cells = _grid(len(classes), _LEFT)
    of_model = classes_of(predictions)
    for row_axes, label in zip(cells, classes, strict=False):
        rows = drawn[drawn["label"] == label].sort_values(["draw", "image_id"])
        correct = int((rows["predicted"] == label).sum())
        text = f"{label_text(label)}\n{correct:,} of {len(rows):,}\ncorrect"
        row_axes[0, 0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)
        for (image_axis, bar_axis), row in zip(row_axes, rows.head(_EXAMPLES).to_dict("records"), strict=False):
            is_wrong = row["predicted"] != label
            title = f"predicted as {label_text(row['predicted'])}" if is_wrong else ""
            _draw_prediction(image_axis, bar_axis, images, row, of_model, title)
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
    figure, cells = _grid(-(-len(rows) // _COLUMNS), 0)
    for (image_axis, bar_axis), row in zip(cells.reshape(-1, 2), rows, strict=False):
        title = f"{label_text(row['label'])}, predicted as {label_text(row['predicted'])}"
        _draw_prediction(image_axis, bar_axis, images, row, classes_of(predictions), title)
    count = f"{len(mistakes):,} mistakes among {len(predictions):,} test images"
    if not rows:
        cells[0, 0, 0].text(0, 0.5, f"no mistake among {len(predictions):,} test images", va="center")
    _finish(figure, f"{heading}: {count}, most confident first" if rows else heading)
    save_figure(figure, path)


def _grid(rows: int, left: float) -> tuple[Figure, np.ndarray]:
    """A figure with axes (rows, 3, 2) at fixed positions: for images and for their bars, with space for labels."""
    rows, cell = max(rows, 1), _SIDE + 0.06 + _LENGTH + _NAMES
    width, height = left + cell * _COLUMNS, (_SIDE + _ABOVE) * rows + _TOP + _BELOW
    figure = Figure(figsize=(width, height))
    cells = np.empty((rows, _COLUMNS, 2), object)
    for row, column in np.ndindex(rows, _COLUMNS):
        x, y = left + cell * column, height - _TOP - (_SIDE + _ABOVE) * (row + 1)
        for index, (start, length) in enumerate(((x, _SIDE), (x + _SIDE + 0.06, _LENGTH))):
            axis = figure.add_axes((start / width, y / height, length / width, _SIDE / height))
            hide_axes(axis)
            cells[row, column, index] = axis
    return figure, cells


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
    image_axis: Axes, bar_axis: Axes, images: ImageSet, row: dict[str, Any], of_model: Sequence[str], title: str
) -> None:
    position = positions_of(images, pd.Series([row["image_id"]]))[0]
    image_axis.imshow(thumbnails([images.read(int(position))])[0], interpolation="none")
    if title:
        image_axis.set_title(title, loc="left", fontsize=7.5, color=ORANGE, pad=3)
    classes = _with_bars(row, of_model)
    shares = np.array([float(str(row[f"p_{label}"])) for label in classes])
    colours = [BLUE if label == row["label"] else ORANGE if label == row["predicted"] else GREY for label in classes]
    bar_axis.barh(range(len(classes)), shares, color=colours, height=0.8)
    bar_axis.axvline(0, color=FAINT, linewidth=0.8)
    bar_axis.axvline(1, color=LINE, linewidth=0.8, zorder=0)
    bar_axis.set_xlim(0, 1)
    bar_axis.set_ylim(len(classes) - 0.4, -0.6)
    text_transform = blended_transform_factory(bar_axis.transAxes, bar_axis.transData)
    for index, (label, share, colour) in enumerate(zip(classes, shares, colours, strict=True)):
        if share >= _LABELLED or label in (row["label"], row["predicted"]):
            text = f"{share:.0%} {label_text(label)}" if share >= 0.005 else f"<1% {label_text(label)}"
            bar_axis.text(1.04, index, text, transform=text_transform, fontsize=6.5, va="center", color=colour)


def _finish(figure: Figure, text: str) -> None:
    figure.suptitle(text, x=0, y=1, ha="left", va="top", fontsize=9, color=FAINT)
    legend = [
        measured_legend("the true class", BLUE),
        measured_legend("predicted class, if wrong", ORANGE),
        measured_legend("other classes", GREY),
    ]
    figure.legend(handles=legend, loc="lower center", ncols=3, frameon=False, borderaxespad=0)
