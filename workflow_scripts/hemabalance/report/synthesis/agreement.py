"""Figure of the agreement of an independent classifier with the requested class during training."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from hemabalance.report.style import save_figure
from hemabalance.report.synthesis.generator_results import ALL, GeneratorResult

_COLUMNS = 4
_CELL = (2.3, 1.75)  # inches
_LINE, _FLOOR = "#0072B2", "#555555"


def agreement_figure(result: GeneratorResult, path: Path) -> None:
    """Draw the share of snapshots that are classified as the requested class, with 95 % intervals, by step.

    There is a panel for all classes together and for each class; a dashed line shows the share for real test images.

    Args:
        result: results of a generator.
        path: SVG to write.
    """
    trajectory = result.metrics["agreement_by_step"]
    labels = [label for label in (ALL, *result.classes) if any(row["label"] == label for row in trajectory)]
    columns = min(_COLUMNS, max(1, len(labels)))
    rows = max(1, -(-len(labels) // columns))
    figure = Figure(figsize=(_CELL[0] * columns + 0.5, _CELL[1] * rows + 0.5), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel()
    for axis, label in zip(axes, labels, strict=False):
        _draw_panel(axis, label, [row for row in trajectory if row["label"] == label], result)
    for axis in axes[len(labels) :]:
        axis.set_axis_off()
    if labels:
        figure.supxlabel("steps of training", fontsize=9)
        figure.supylabel("share classified as requested", fontsize=9)
    else:
        axes[0].set_axis_off()
        axes[0].text(0, 0.5, "no images were kept during this training", va="center")
    save_figure(figure, path)


def _draw_panel(axis: Axes, label: str, points: Sequence[Mapping[str, Any]], result: GeneratorResult) -> None:
    steps = [row["step"] for row in points]
    axis.fill_between(
        steps, [row["low"] for row in points], [row["high"] for row in points], color=_LINE, alpha=0.22, linewidth=0
    )
    axis.plot(steps, [row["rate"] for row in points], "o-", color=_LINE, markersize=3.5, linewidth=1.4)
    if len(points) == 1:  # a band needs two points
        axis.vlines(steps, points[0]["low"], points[0]["high"], color=_LINE, alpha=0.5)
    rate = result.row("agreement", label=label, compare="floor")["rate"]
    if rate is not None:
        axis.axhline(rate, color=_FLOOR, linewidth=1, linestyle="--", zorder=0)
        axis.annotate(
            f"real {rate:.2f}", (1, rate), (0, -2), ("axes fraction", "data"), "offset points",
            color=_FLOOR, fontsize=7, ha="right", va="top",
        )  # fmt: skip
    axis.set_title(f"{label.replace('_', ' ')} (n = {_counts(points)})", loc="left", fontsize=9)
    axis.set_ylim(-0.03, 1.03)
    axis.set_xlim(0, max(steps) * 1.03)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.tick_params(labelsize=7.5)


def _counts(points: Sequence[Mapping[str, Any]]) -> str:
    counts = {row["n"] for row in points}
    return str(counts.pop()) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
