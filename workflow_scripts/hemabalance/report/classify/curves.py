"""Training curves of classifiers (thesis Fig. 51)."""

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

_VALIDATION = "validation_"
_KINDS = {
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "cross_entropy": "cross-entropy",
    "loss": "loss",
    "negative_log_likelihood": "negative log-likelihood",
}
_SHARES = ("accuracy", "macro_f1", "balanced_accuracy")
_SMOOTHED = 60  # longer histories get a running mean
_CELL = (3.4, 2.2)  # inches


def curves_figure(histories: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw a row of panels for each training, with a panel for each quantity by step, for training and validation.

    Args:
        histories: name of a training -> history with `step` and columns of quantities; columns `validation_…` were
            measured on validation images at some of the steps. Empty histories (models that are not trained by steps)
            are left out.
        path: SVG to write.
    """
    panels_by_name = {name: (history, _kinds(history)) for name, history in histories.items() if len(history)}
    columns = max((len(kinds) for _, kinds in panels_by_name.values()), default=2)
    rows = max(1, len(panels_by_name))
    figure = Figure(figsize=(_CELL[0] * columns + 0.4, _CELL[1] * rows + 0.6), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for row_axes, (name, (history, kinds)) in zip(axes, panels_by_name.items(), strict=False):
        row_axes[0].set_ylabel(name, fontweight="bold")
        for axis, kind in zip(row_axes, kinds, strict=False):
            _draw_panel(axis, kind, history)
    for axis in axes.flat:
        if not axis.lines:
            axis.set_axis_off()
    if panels_by_name:
        figure.supxlabel("steps of training", fontsize=9)
        legend: list[Artist] = [
            Line2D([], [], color=BLUE, label="training images"),
            Line2D([], [], color=ORANGE, marker="o", markersize=3.5, label="validation images"),
        ]
        figure.legend(handles=legend, loc="outside upper left", ncols=2, frameon=False)
    else:
        axes[0, 0].text(0, 0.5, "no model that is compared is trained by steps", va="center")
    save_figure(figure, path)


def _kinds(history: pd.DataFrame) -> list[str]:
    """The quantities of a history in drawing order."""
    kinds = dict.fromkeys(column.removeprefix(_VALIDATION) for column in history.columns.drop("step"))
    return [*(kind for kind in _KINDS if kind in kinds), *sorted(kinds.keys() - _KINDS.keys())]


def _draw_panel(axis: Axes, kind: str, history: pd.DataFrame) -> None:
    if kind in history:
        _draw_training(axis, history["step"], history[kind])
    validation_column = f"{_VALIDATION}{kind}"
    if validation_column in history:
        values = history[validation_column].dropna()
        axis.plot(history["step"][values.index], values, "o-", color=ORANGE, markersize=3, linewidth=1.3)
        best_row = _best_row(history)
        if best_row is not None and best_row in values:
            axis.axvline(history["step"][best_row], color=FAINT, linewidth=1, linestyle="--", zorder=0)
            axis.annotate(
                f"kept {values[best_row]:.3f}", (1, 1), (0, 3), "axes fraction", "offset points", color=ORANGE,
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


def _best_row(history: pd.DataFrame) -> int | None:
    """Index of the row with the least validation cross-entropy; None without validation."""
    if "validation_cross_entropy" not in history.columns:
        return None
    cross_entropy = history["validation_cross_entropy"].dropna()
    return int(cross_entropy.idxmin()) if len(cross_entropy) else None


def _draw_training(axis: Axes, steps: pd.Series, column: pd.Series) -> None:
    values = column.dropna()
    smoothed = len(values) > _SMOOTHED
    history_steps = steps[values.index]
    axis.plot(history_steps, values, color=BLUE, linewidth=0.7 if smoothed else 1.3, alpha=0.35 if smoothed else 1)
    if smoothed:
        window = len(values) // (_SMOOTHED // 2) | 1
        axis.plot(history_steps, values.rolling(window, center=True, min_periods=1).mean(), color=BLUE, linewidth=1.5)
