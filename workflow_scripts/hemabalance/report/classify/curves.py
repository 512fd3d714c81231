"""How training classifiers went (thesis Fig. 51)."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, MaxNLocator

from hemabalance.report.marks import BLUE, FAINT, LINE, ORANGE
from hemabalance.report.style import save_figure

_HELD_BACK = "validation_"
_KINDS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "cross_entropy": "cross-entropy",
    "loss": "loss",
    "negative_log_likelihood": "negative log-likelihood",
}
_SHARES = ("accuracy", "macro_f1", "balanced_accuracy")
_SMOOTHED = 60  # lines of history from which on a running mean is drawn
_CELL = (3.4, 2.2)  # inches


def curves_figure(histories: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw a row a training, in it a panel a quantity by step, training and validation in one.

    Args:
        histories: what a figure calls it -> its history, `step` and columns of quantities, of which those named
            `validation_…` were measured on validation images, at some of the steps. A model that is not trained by
            steps has no line and is left out.
        path: SVG to write.
    """
    shown = {name: (history, _kinds(history)) for name, history in histories.items() if len(history)}
    columns = max((len(kinds) for _, kinds in shown.values()), default=2)
    rows = max(1, len(shown))
    figure = Figure(figsize=(_CELL[0] * columns + 0.4, _CELL[1] * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for line, (name, (history, kinds)) in zip(axes, shown.items(), strict=False):
        line[0].set_ylabel(name, fontweight="bold")
        for axis, kind in zip(line, kinds, strict=False):
            _panel(axis, kind, history)
    for axis in axes.flat:
        if not axis.lines:
            axis.set_axis_off()
    if shown:
        figure.supxlabel("steps of training", fontsize=9)
        key: list[Artist] = [
            Line2D([], [], color=BLUE, label="training images"),
            Line2D([], [], color=ORANGE, marker="o", markersize=3.5, label="validation images"),
        ]
        figure.legend(handles=key, loc="outside upper left", ncols=2, frameon=False)
    else:
        axes[0, 0].text(0, 0.5, "no model that is compared is trained by steps", va="center")
    save_figure(figure, path)


def _kinds(history: pd.DataFrame) -> list[str]:
    """The quantities of a history, in the order in which they are drawn."""
    kinds = dict.fromkeys(column.removeprefix(_HELD_BACK) for column in history.columns.drop("step"))
    return [*(kind for kind in _KINDS if kind in kinds), *sorted(kinds.keys() - _KINDS.keys())]


def _panel(axis: Axes, kind: str, history: pd.DataFrame) -> None:
    if kind in history:
        _training(axis, history["step"], history[kind])
    held = f"{_HELD_BACK}{kind}"
    if held in history:
        values = history[held].dropna()
        axis.plot(history["step"][values.index], values, "o-", color=ORANGE, markersize=3, linewidth=1.3)
        best = _best(history)
        if best is not None and best in values:
            axis.axvline(history["step"][best], color=FAINT, linewidth=1, linestyle="--", zorder=0)
            axis.annotate(
                f"kept {values[best]:.3f}", (1, 1), (0, 3), "axes fraction", "offset points", color=ORANGE,
                ha="right", fontsize=8,
            )  # fmt: skip
    axis.set_title(_KINDS.get(kind, kind.replace("_", " ")), loc="left", fontsize=9.5)
    if kind in _SHARES:
        axis.set_ylim(-0.02, 1.02)
    axis.yaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.set_xlim(0, max(1, history["step"].max()) * 1.02)
    axis.tick_params(labelsize=8, color=FAINT)


def _best(history: pd.DataFrame) -> int | None:
    """The line with the least cross-entropy of validation images."""
    if "validation_cross_entropy" not in history.columns:
        return None
    held = history["validation_cross_entropy"].dropna()
    return int(held.idxmin()) if len(held) else None


def _training(axis: Axes, steps: pd.Series, column: pd.Series) -> None:
    values = column.dropna()
    many = len(values) > _SMOOTHED
    when = steps[values.index]
    axis.plot(when, values, color=BLUE, linewidth=0.7 if many else 1.3, alpha=0.35 if many else 1)
    if many:
        window = len(values) // (_SMOOTHED // 2) | 1
        axis.plot(when, values.rolling(window, center=True, min_periods=1).mean(), color=BLUE, linewidth=1.5)
