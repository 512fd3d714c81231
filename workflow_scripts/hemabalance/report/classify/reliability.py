"""Whether confidences are as often right as they say, before and after temperature scaling."""

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
from hemabalance.report.marks import BLUE, FAINT, LINE, ORANGE, measured_key
from hemabalance.report.style import save_figure

_CELL = 3.3  # inches
_COLUMNS = 3


def reliability_figure(experiments: Sequence[ClassifierResult], path: Path) -> None:
    """Draw, for each training, accuracy by confidence with 95 % intervals, and how many images have that confidence.

    Args:
        experiments: measured (`metrics["calibration"]` as `classify.evaluate` writes it).
        path: SVG to write.
    """
    columns = min(_COLUMNS, max(1, len(experiments)))
    rows = -(-max(1, len(experiments)) // columns)
    figure = Figure(figsize=(_CELL * columns + 0.6, (_CELL + 1.8) * rows + 0.4), layout="constrained")
    axes = figure.subplots(2 * rows, columns, squeeze=False, sharex=True, height_ratios=(3, 1) * rows)
    uppers, lowers = axes[::2].ravel(), axes[1::2].ravel()
    for upper, lower, one in zip(uppers, lowers, experiments, strict=False):
        _curve(upper, one)
        _counts(lower, one.metrics["calibration"]["test"]["bins"])
        lower.set_xlabel("confidence")
        lower.tick_params(labelbottom=True)
    for upper, lower in zip(uppers[len(experiments) :], lowers[len(experiments) :], strict=True):
        upper.set_visible(False)
        lower.set_visible(False)
    for upper, lower in zip(axes[::2, 0], axes[1::2, 0], strict=True):
        upper.set_ylabel("share that is right")
        lower.set_ylabel("images")
    key: list[Artist] = [
        measured_key("after temperature scaling, with 95 % interval", BLUE, "o"),
        measured_key("before", ORANGE, "s"),
        Line2D([], [], color=FAINT, linewidth=1, linestyle="--", label="as often right as it says"),
    ]
    figure.legend(handles=key, loc="outside lower center", ncols=3, frameon=False)
    save_figure(figure, path)


def _curve(axis: Axes, one: ClassifierResult) -> None:
    test = one.metrics["calibration"]["test"]
    axis.plot([0, 1], [0, 1], color=FAINT, linewidth=1, linestyle="--", zorder=0)
    before, after = _filled(test["bins_before"]), _filled(test["bins"])
    axis.plot(*_points(before), "s-", color=ORANGE, markersize=3.5, linewidth=0.9, alpha=0.75)
    x, y = _points(after)
    ends = [
        [row["accuracy"] - row["accuracy_low"] for row in after],
        [row["accuracy_high"] - row["accuracy"] for row in after],
    ]
    axis.errorbar(x, y, yerr=ends, fmt="o-", color=BLUE, markersize=4.5, linewidth=1.4, elinewidth=1, capsize=2)
    axis.set_xlim(0, 1.02)
    axis.set_ylim(-0.02, 1.02)
    axis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.set_title(_words(one), loc="left", fontsize=9)


def _words(one: ClassifierResult) -> str:
    calibration, found = one.metrics["calibration"], one.metric("expected_calibration_error")
    lines = [
        f"{one.name}, seed {one.seed}, protocol {one.protocol}",
        f"n = {one.n:,}, temperature {calibration['temperature']:.2f}",
    ]
    if found["value"] is None:
        return "\n".join([*lines, "calibration error not estimable"])
    between = f" ({found['low']:.3f} to {found['high']:.3f})" if found["low"] is not None else ""
    error = f"calibration error {calibration['test']['ece_before']:.3f} → {found['value']:.3f}{between}"
    return "\n".join([*lines, error])


def _counts(axis: Axes, bins: Sequence[Mapping[str, Any]]) -> None:
    left = [row["lower"] for row in bins]
    widths = np.array([row["upper"] - row["lower"] for row in bins])
    axis.bar(left, [row["n"] for row in bins], width=widths * 0.9, align="edge", color=BLUE)
    axis.set_yscale("symlog", linthresh=1)
    axis.set_ylim(bottom=0)
    axis.yaxis.set_minor_locator(NullLocator())
    axis.tick_params(axis="y", labelsize=7.5)
    axis.yaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)


def _filled(bins: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for row in bins if row["n"]]


def _points(bins: Sequence[Mapping[str, Any]]) -> tuple[list[float], list[float]]:
    return [row["confidence"] for row in bins], [row["accuracy"] for row in bins]
