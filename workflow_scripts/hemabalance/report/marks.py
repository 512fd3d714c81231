"""Elements shared by figures of rates: values with 95 % intervals, values reported by the thesis, legend entries."""

from collections.abc import Mapping, Sequence
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

# Palette of Okabe and Ito (2008), safe for colour blindness; markers differ in shape as well.
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#55555f"
COLOURS = (ORANGE, BLUE, GREEN, PURPLE)
MARKERS = ("s", "o", "^", "v")
FAINT = "#77777f"
LINE = "#e3e3e8"
_INK = "#1b1b1f"

NOT_ESTIMABLE = "not estimable"


def label_text(label: str) -> str:
    """A label for display, with spaces instead of underscores."""
    return label.replace("_", " ")


def draw_estimate(axis: Axes, estimate: Mapping[str, Any], row: float, *, colour: str, marker: str) -> None:
    """Draw a value with its interval (`value, low, high`) at the height of a row, or `NOT_ESTIMABLE`."""
    if estimate["value"] is None:
        axis.annotate(
            NOT_ESTIMABLE, (1, row), (-4, 0), ("axes fraction", "data"), "offset points", color=FAINT, fontsize=7,
            ha="right", va="center",
        )  # fmt: skip
        return
    draw_interval(axis, estimate, row, colour=colour)
    axis.plot(estimate["value"], row, marker, color=colour, markersize=5, markeredgecolor="white", markeredgewidth=0.5)


def draw_interval(axis: Axes, estimate: Mapping[str, Any], row: float, *, colour: str = _INK) -> None:
    """Draw the interval of a value, if it has one."""
    if estimate["low"] is not None:
        value = estimate["value"]
        ends = [[value - estimate["low"]], [estimate["high"] - value]]
        axis.errorbar(value, row, xerr=ends, fmt="none", ecolor=colour, elinewidth=1.3, capsize=2.2, zorder=3)


def draw_reported(axis: Axes, value: float, row: float) -> None:
    """Draw a value reported by the thesis as a hollow diamond."""
    axis.plot(value, row, "D", markersize=5.5, markerfacecolor="white", markeredgecolor=_INK, zorder=4)


def reported_legend() -> Artist:
    """Legend entry for values reported by the thesis."""
    style: dict[str, Any] = {"marker": "D", "markersize": 5.5, "markerfacecolor": "white", "markeredgecolor": _INK}
    return Line2D([], [], linestyle="none", label="reported by the thesis", **style)


def measured_legend(text: str, colour: str, marker: str | None = None) -> Artist:
    """Legend entry for measured values: a marker, or a bar if `marker` is None."""
    if marker is None:
        return Patch(color=colour, label=text)
    return Line2D([], [], linestyle="none", marker=marker, markersize=5.5, color=colour, label=text)


def separate_rows(axis: Axes, rows: int) -> None:
    """Draw faint lines between rows, which are at integer heights with the first row on top."""
    for row in range(1, rows):
        axis.axhline(row - 0.5, color=LINE, linewidth=0.8, zorder=0)
    axis.set_ylim(max(rows, 1) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)


def n_text(numbers: Sequence[int]) -> str:
    """Numbers of images as text: `n = 12` if all are equal, else `n = 12 / 14`."""
    return "n = " + " / ".join(f"{n:,}" for n in dict.fromkeys(numbers))
