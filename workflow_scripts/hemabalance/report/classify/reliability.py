"""Reliability diagrams before and after temperature scaling."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from hemabalance.report.classify.classifier_results import ClassifierResult
from hemabalance.report.marks import BLUE, FAINT, LINE, ORANGE, measured_legend
from hemabalance.report.style import save_figure

_CELL = 3.3  # inches
_COLUMNS = 3


def reliability_figure(experiments: Sequence[ClassifierResult], path: Path) -> None:
    """Draw accuracy by confidence with 95 % intervals, and the number of images by confidence, for each training.

    Args:
        experiments: results whose `metrics["calibration"]` was written by `classify.evaluate`.
        path: SVG to write.
    """
    columns = min(_COLUMNS, max(1, len(experiments)))
    rows = -(-max(1, len(experiments)) // columns)
    figure = Figure(figsize=(_CELL * columns + 0.6, (_CELL + 1.8) * rows + 0.4), layout="constrained")
    axes = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, height_ratios=(3, 1) * rows)
    curve_axes, count_axes = axes[::2].ravel(), axes[1::2].ravel()
    for curve_axis, count_axis, result in zip(curve_axes, count_axes, experiments, strict=False):
        _curve(curve_axis, result)
        _counts(count_axis, result.metrics["calibration"]["test"]["bins"])
        count_axis.set_xlabel("confidence")
        count_axis.tick_params(labelbottom=True)
    for curve_axis, count_axis in zip(curve_axes[len(experiments) :], count_axes[len(experiments) :], strict=True):
        curve_axis.set_visible(False)
        count_axis.set_visible(False)
    for curve_axis, count_axis in zip(axes[::2, 0], axes[1::2, 0], strict=True):
        curve_axis.set_ylabel("accuracy")
        count_axis.set_ylabel("images")
    legend: list[Artist] = [
        measured_legend("after temperature scaling, with 95 % interval", BLUE, "o"),
        measured_legend("before", ORANGE, "s"),
        Line2D([], [], color=FAINT, linewidth=1, linestyle="--", label="perfect calibration"),
    ]
    figure.legend(handles=legend, loc="outside lower center", ncols=3, frameon=False)
    save_figure(figure, path)


def _curve(axis: Axes, result: ClassifierResult) -> None:
    test = result.metrics["calibration"]["test"]
    axis.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", zorder=0)
    before, after = _non_empty(test["bins_before"]), _non_empty(test["bins"])
    axis.plot(*_points(before), "s-", color=ORANGE, markersize=3.5, linewidth=0.9, alpha=0.75)
    confidences, accuracies = _points(after)
    error_bars = [
        [row["accuracy"] - row["accuracy_low"] for row in after],
        [row["accuracy_high"] - row["accuracy"] for row in after],
    ]
    axis.errorbar(
        confidences,
        accuracies,
        yerr=error_bars,
        fmt="o-",
        color=BLUE,
        markersize=4.5,
        linewidth=1.4,
        elinewidth=1,
        capsize=2,
    )
    axis.set_xlim(0, 1.02)
    axis.set_ylim(-0.02, 1.02)
    axis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.set_title(_title(result), loc="left", fontsize=9)


def _title(result: ClassifierResult) -> str:
    calibration, error_estimate = result.metrics["calibration"], result.metric("expected_calibration_error")
    lines = [
        f"{result.name}, seed {result.seed}, protocol {result.protocol}",
        f"n = {result.n:,}, temperature {calibration['temperature']:.2f}",
    ]
    if error_estimate["value"] is None:
        return "\n".join([*lines, "calibration error not estimable"])
    interval_text = (
        f" ({error_estimate['low']:.3f} to {error_estimate['high']:.3f})" if error_estimate["low"] is not None else ""
    )
    error = f"calibration error {calibration['test']['ece_before']:.3f} → {error_estimate['value']:.3f}{interval_text}"
    return "\n".join([*lines, error])


def _counts(axis: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    edges = [row["lower"] for row in bins]
    widths = np.array([row["upper"] - row["lower"] for row in bins])
    axis.bar(edges, [row["n"] for row in bins], width=widths * 0.9, align="edge", color=BLUE)
    axis.set_yscale("symlog", linthresh=1)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="y", labelsize=7.5)
    axis.yaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)


def _non_empty(bins: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in bins if row["n"]]


def _points(bins: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    return [row["confidence"] for row in bins], [row["accuracy"] for row in bins]
