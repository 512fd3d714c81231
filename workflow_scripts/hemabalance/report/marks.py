"""Marks that figures of rates share: a dot or bar with its 95 % interval, and what the thesis reports, hollow."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

# Okabe and Ito (2008): told apart by people of all kinds of colour vision, and by shape besides.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#55555f"
COLOURS = (ORANGE, BLUE, GREEN, PURPLE)
MARKERS = ("s", "o", "^", "v")
FAINT = "#77777f"
LINE = "#e3e3e8"
_INK = "#1b1b1f"

NOT_ESTIMABLE = "not estimable"


def spaced(label: str) -> str:
    """A name as it is read."""
    return label.replace("_", " ")


def dot(axis: Axes, found: Mapping[str, Any], place: float, *, colour: str, marker: str) -> None:
    """A value with its interval, `value, low, high`, across a line at a height; words where it has none."""
    if found["value"] is None:
        axis.annotate(
            NOT_ESTIMABLE, (1, place), (-4, 0), ("axes fraction", "data"), "offset points", color=FAINT, fontsize=7,
            ha="right", va="center",
        )  # fmt: skip
        return
    whisker(axis, found, place, colour=colour)
    axis.plot(found["value"], place, marker, color=colour, markersize=5, markeredgecolor="white", markeredgewidth=0.5)


def whisker(axis: Axes, found: Mapping[str, Any], place: float, *, colour: str = _INK) -> None:
    """The interval of a value, if it has one."""
    if found["low"] is not None:
        axis.errorbar(
            found["value"], place, xerr=[[found["value"] - found["low"]], [found["high"] - found["value"]]], fmt="none",
            ecolor=colour, elinewidth=1.3, capsize=2.2, zorder=3,
        )  # fmt: skip


def diamond(axis: Axes, share: float, place: float) -> None:
    """What the thesis reports."""
    axis.plot(share, place, "D", markersize=5.5, markerfacecolor="white", markeredgecolor=_INK, zorder=4)


def reported_key() -> Artist:
    """The entry of a legend for what the thesis reports."""
    look: dict[str, Any] = {"marker": "D", "markersize": 5.5, "markerfacecolor": "white", "markeredgecolor": _INK}
    return Line2D([], [], linestyle="none", label="reported by the thesis", **look)


def measured_key(words: str, colour: str, marker: str | None = None) -> Artist:
    """The entry of a legend for what was measured: a dot, or a bar."""
    if marker is None:
        return Patch(color=colour, label=words)
    return Line2D([], [], linestyle="none", marker=marker, markersize=5.5, color=colour, label=words)


def lines_between(axis: Axes, places: int) -> None:
    """Faint lines between rows at whole heights, the first on top."""
    for place in range(1, places):
        axis.axhline(place - 0.5, color=LINE, linewidth=0.8, zorder=0)
    axis.set_ylim(max(places, 1) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)


def counted(numbers: Sequence[int]) -> str:
    """How many images, once if all say the same: `n = 12`, or `n = 12 / 14`."""
    return "n = " + " / ".join(f"{n:,}" for n in dict.fromkeys(numbers))
