"""Figure of a confusion matrix."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.marks import FAINT, label_text
from hemabalance.report.style import save_figure

_CELL, _FEWEST = 0.5, 8  # inches of a class; classes for which there is room at least, for the heading
_DARK = 0.5  # cells with a larger share get white text


def confusion_matrix_figure(counts: np.ndarray, classes: Sequence[str], path: Path, *, heading: str) -> None:
    """Draw a confusion matrix: rows are true classes, colours are shares of the true class, numbers are images.

    Args:
        counts: int64 (k, k), images by true class (rows) and predicted class (columns).
        classes: names of the k classes.
        path: SVG to write.
        heading: what the matrix is of.
    """
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    side = _CELL * max(len(counts), _FEWEST)
    figure = Figure(figsize=(side + 3.6, side + 1.6), layout="constrained")
    axis = figure.subplots()
    heatmap = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        _draw_cell(axis, row, column, int(counts[row, column]), float(shares[row, column]))
    for row in np.flatnonzero(totals == 0):
        axis.text(len(counts) / 2 - 0.5, int(row), "no test image", color=FAINT, fontsize=8, ha="center", va="center")
    _style_axis(axis, classes, totals[:, 0], counts.sum(axis=0))
    figure.colorbar(heatmap, ax=axis, shrink=0.6, label="share of the true class")
    figure.suptitle(
        f"{heading}: {int(counts.sum()):,} test images, of which {int(np.trace(counts)):,} on the diagonal are "
        "correct",
        x=0.01, ha="left", fontsize=9, color=FAINT,
    )  # fmt: skip
    save_figure(figure, path)


def _draw_cell(axis: Axes, row: int, column: int, count: int, share: float) -> None:
    text_colour = "white" if share > _DARK else "#1b1b1f"
    text = f"{count:,}\n{share:.0%}" if share >= 0.005 else f"{count:,}\n<1%"
    axis.text(column, row, text, color=text_colour, fontsize=7.5, ha="center", va="center", linespacing=1.05)


def _style_axis(axis: Axes, classes: Sequence[str], true_totals: np.ndarray, predicted_totals: np.ndarray) -> None:
    positions, names = range(len(classes)), [label_text(label) for label in classes]
    axis.set_yticks(positions, [f"{name} (n = {n:,})" for name, n in zip(names, true_totals, strict=True)])
    axis.set_xticks(positions, [f"{name} ({n:,})" for name, n in zip(names, predicted_totals, strict=True)])
    axis.tick_params(axis="x", rotation=40, length=0)
    for text in axis.get_xticklabels():
        text.set_horizontalalignment("right")
        text.set_rotation_mode("anchor")
    axis.tick_params(axis="y", length=0)
    axis.set_ylabel("true class")
    axis.set_xlabel("predicted class (images)")
    for boundary in np.arange(0.5, len(classes) - 1):
        axis.axhline(boundary, color="#ececf1", linewidth=0.6)
        axis.axvline(boundary, color="#ececf1", linewidth=0.6)
    for spine in axis.spines.values():
        spine.set_visible(False)
