"""How many training images of each class are real, and how many are synthetic."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from hemabalance.report.balance.tables import Audit, counted
from hemabalance.report.marks import BLUE, FAINT, LINE, ORANGE, measured_key, spaced
from hemabalance.report.style import save_figure
from hemabalance.taxonomy import CLASSES

_CELL = 3.6  # inches
_COLUMNS = 3


def balance_figure(audits: Sequence[Audit], path: Path) -> None:
    """Draw a panel a balanced set, in it a bar a class: real training images, then synthetic ones.

    Args:
        audits: of one protocol.
        path: SVG to write.
    """
    columns = min(_COLUMNS, max(1, len(audits)))
    rows = -(-max(1, len(audits)) // columns)
    figure = Figure(
        figsize=(_CELL * columns + 1.2, 0.24 * len(CLASSES) * rows + 0.55 * rows + 0.6), layout="constrained"
    )
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True, sharex=True)
    for axis, audit in zip(axes.flat, audits, strict=False):
        _panel(axis, audit)
    for axis in axes.flat[len(audits) :]:
        axis.set_visible(False)
    axes[0, 0].set_yticks(range(len(CLASSES)), [spaced(label) for label in CLASSES])
    axes[0, 0].set_ylim(len(CLASSES) - 0.45, -0.55)
    key: list[Artist] = [measured_key("real", BLUE), measured_key("synthetic", ORANGE)]
    figure.legend(handles=key, loc="outside lower center", ncols=2, frameon=False)
    words = f"protocol {audits[0]['protocol']}: training images" if audits else "no balanced set under this protocol"
    figure.suptitle(words, x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _panel(axis: Axes, audit: Audit) -> None:
    train = counted(audit)["train"]
    places = list(range(len(CLASSES)))
    axis.barh(places, train["real"], color=BLUE, height=0.7)
    axis.barh(places, train["synthetic"], left=train["real"], color=ORANGE, height=0.7, hatch="////", edgecolor="white")
    for place, n in zip(places, train.sum(axis=1), strict=True):
        axis.annotate(f"{n:,}", (n, place), (3, 0), textcoords="offset points", va="center", fontsize=7, color=FAINT)
    axis.set_title(f"{audit['recipe']} (n = {int(train.to_numpy().sum()):,})", loc="left", fontweight="bold")
    axis.margins(x=0.14)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10]))
    axis.xaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
    axis.tick_params(axis="y", length=0)
    axis.tick_params(labelbottom=True)
