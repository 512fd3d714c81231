"""Numbers of real and synthetic training images of each class in balanced sets."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from hemabalance.report.balance.tables import Audit, class_counts
from hemabalance.report.marks import BLUE, FAINT, LINE, ORANGE, label_text, measured_legend
from hemabalance.report.style import save_figure

_CELL = 3.6  # inches
_COLUMNS = 3


def balance_figure(audits: Sequence[Audit], path: Path) -> None:
    """Draw a panel for each balanced set, with a stacked bar of real and synthetic training images for each class.

    Args:
        audits: audits of sets of one protocol; may be empty.
        path: SVG to write.
    """
    columns = min(_COLUMNS, max(1, len(audits)))
    rows = -(-max(1, len(audits)) // columns)
    classes = audits[0]["classes"] if audits else []
    height = 0.24 * len(classes) * rows + 0.55 * rows + 0.6
    figure = Figure(figsize=(_CELL * columns + 1.2, height), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True)
    for axis, audit in zip(axes.flat, audits, strict=False):
        _draw_panel(axis, audit)
    for axis in axes.flat[len(audits) :]:
        axis.set_visible(False)
    axes[0, 0].set_yticks(range(len(classes)), [label_text(label) for label in classes])
    axes[0, 0].set_ylim(len(classes) - 0.45, -0.55)
    legend: list[Artist] = [measured_legend("real", BLUE), measured_legend("synthetic", ORANGE)]
    figure.legend(handles=legend, loc="outside lower center", ncols=2, frameon=False)
    heading = f"protocol {audits[0]['protocol']}: training images" if audits else "no balanced set under this protocol"
    figure.suptitle(heading, x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _draw_panel(axis: Axes, audit: Audit) -> None:
    train = class_counts(audit)["train"]
    rows = list(range(len(train)))
    axis.barh(rows, train["real"], color=BLUE, height=0.7)
    axis.barh(rows, train["synthetic"], left=train["real"], color=ORANGE, height=0.7, hatch="////", edgecolor="white")
    for row, n in zip(rows, train.sum(axis=1), strict=True):
        axis.annotate(f"{n:,}", (n, row), (3, 0), textcoords="offset points", va="center", fontsize=7, color=FAINT)
    axis.set_title(f"{audit['recipe']} (n = {int(train.to_numpy().sum()):,})", loc="left", fontweight="bold")
    axis.margins(x=0.14)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.xaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(labelbottom=True)
