"""Which classes are taken for which."""

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.classify.classifier_results import ClassifierResult
from hemabalance.report.marks import FAINT, spaced
from hemabalance.report.style import save_figure

_DARK = 0.5  # share from which on white ink reads better


def confusion_figure(one: ClassifierResult, path: Path) -> None:
    """Draw the confusion matrix: rows are the true classes and sum to 1 by colour, numbers are images.

    Args:
        one: a training.
        path: SVG to write.
    """
    found = one.metrics["confusion"]
    counts = np.asarray(found["counts"], np.int64)
    totals = counts.sum(axis=1, keepdims=True)
    shares = counts / np.maximum(totals, 1)
    figure = Figure(figsize=(9.6, 7.6), layout="constrained")
    axis = figure.subplots()
    picture = axis.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        _cell(axis, row, column, int(counts[row, column]), float(shares[row, column]))
    for row in np.flatnonzero(totals == 0):
        axis.text(len(counts) / 2 - 0.5, int(row), "no test image", color=FAINT, fontsize=8, ha="center", va="center")
    _furnish(axis, found["classes"], totals[:, 0], counts.sum(axis=0))
    figure.colorbar(picture, ax=axis, shrink=0.6, label="share of the true class")
    figure.suptitle(
        f"{one.name}, seed {one.seed}, protocol {one.protocol}: {one.n:,} test images, of which "
        f"{int(np.trace(counts)):,} on the diagonal are right",
        x=0.01, ha="left", fontsize=9, color=FAINT,
    )  # fmt: skip
    save_figure(figure, path)


def _cell(axis: Axes, row: int, column: int, count: int, share: float) -> None:
    ink = "white" if share > _DARK else "#1b1b1f"
    words = f"{count:,}\n{share:.0%}" if share >= 0.005 else f"{count:,}\n<1%"
    axis.text(column, row, words, color=ink, fontsize=7.5, ha="center", va="center", linespacing=1.05)


def _furnish(axis: Axes, classes: list[str], real: np.ndarray, taken: np.ndarray) -> None:
    places, names = range(len(classes)), [spaced(label) for label in classes]
    axis.set_yticks(places, [f"{name} (n = {n:,})" for name, n in zip(names, real, strict=True)])
    axis.set_xticks(places, [f"{name} ({n:,})" for name, n in zip(names, taken, strict=True)])
    axis.tick_params(axis="x", rotation=40, length=0)
    for words in axis.get_xticklabels():
        words.set_horizontalalignment("right")
        words.set_rotation_mode("anchor")
    axis.tick_params(axis="y", length=0)
    axis.set_ylabel("true class")
    axis.set_xlabel("taken for (images)")
    for edge in np.arange(0.5, len(classes) - 1):
        axis.axhline(edge, color="#ececf1", linewidth=0.6)
        axis.axvline(edge, color="#ececf1", linewidth=0.6)
    for spine in axis.spines.values():
        spine.set_visible(False)
