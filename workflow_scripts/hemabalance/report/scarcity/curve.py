"""Figure of rare-class macro-F1 of each recipe over the number of training images of the scarce classes."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from hemabalance.metrics.resampling import Estimate
from hemabalance.report.marks import FAINT, GREY, LINE, draw_estimate, label_text, separate_rows
from hemabalance.report.scarcity.preliminary import is_preliminary
from hemabalance.report.scarcity.results import RARE_F1, ScarcityResults
from hemabalance.report.scarcity.scores import role_of
from hemabalance.report.style import save_figure

# Okabe and Ito (2008) without yellow; more recipes repeat the colours with another marker.
_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000")
_MARKERS = ("o", "s", "^", "v", "D")
_TITLE = "rare-class macro-F1: mean over trainings, 95 % interval"


def curve_figure(results: ScarcityResults, path: Path) -> None:
    """Draw a line with a band for each recipe over n, or with one n a point with its interval; and the ceiling.

    Args:
        results: results of all recipes.
        path: SVG to write.
    """
    recipes = list(dict.fromkeys(recipe for recipe, n in results.groups if n is not None))
    styles = {
        recipe: (_COLOURS[place % len(_COLOURS)], _MARKERS[place // len(_COLOURS) % len(_MARKERS)])
        for place, recipe in enumerate(recipes)
    }
    if len(results.ns) == 1:
        figure = Figure(figsize=(7.5, 0.33 * len(recipes) + 1.1), layout="constrained")
        _draw_points(figure.subplots(), results, styles)
    else:
        figure = Figure(figsize=(7.5, 4.2), layout="constrained")
        _draw_curves(figure.subplots(), results, styles)
        figure.legend(loc="outside right center", frameon=False, fontsize=8)
    figure.suptitle(_heading(results), x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _heading(results: ScarcityResults) -> str:
    shown = [result for n in results.ns for result in results.at(n)]
    draws, seeds = min(result.draws for result in shown), min(result.seeds for result in shown)
    start = "preliminary: " if is_preliminary(draws, seeds) else ""
    return f"{start}at least {draws} draws x {seeds} initialisations, {results.ceiling.images:,} real test images"


def _draw_points(axis: Axes, results: ScarcityResults, styles: dict[str, tuple[str, str]]) -> None:
    n = results.ns[0]
    for row, result in enumerate(results.at(n)):
        colour, marker = styles[result.recipe]
        draw_estimate(axis, result.estimate(RARE_F1)._asdict(), row, colour=colour, marker=marker)
    ceiling = results.ceiling.estimate(RARE_F1)
    if ceiling.low is not None and ceiling.high is not None:
        axis.axvspan(ceiling.low, ceiling.high, color=GREY, alpha=0.12, linewidth=0, zorder=0)
    axis.axvline(ceiling.value or 0, color=GREY, linewidth=1, linestyle="--", zorder=0)
    axis.set_yticks(range(len(styles)), [_name(results, recipe) for recipe in styles])
    separate_rows(axis, len(styles))
    axis.set_title(f"{_TITLE}\nn = {n}; dashed: ceiling, whole classes", loc="left", fontsize=9)
    axis.xaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)


def _draw_curves(axis: Axes, results: ScarcityResults, styles: dict[str, tuple[str, str]]) -> None:
    for recipe, (colour, marker) in styles.items():
        ns = [n for n in results.ns if (recipe, n) in results.groups]
        estimates = [results.groups[recipe, n].estimate(RARE_F1) for n in ns]
        _draw_band(axis, ns, estimates, colour)
        style: dict[str, Any] = {"color": colour, "markersize": 4, "linewidth": 1.4}
        values = [estimate.value or 0 for estimate in estimates]
        axis.plot(ns, values, f"{marker}-", label=_name(results, recipe), **style)
    ceiling = results.ceiling.estimate(RARE_F1)
    if ceiling.low is not None and ceiling.high is not None:
        axis.axhspan(ceiling.low, ceiling.high, color=GREY, alpha=0.12, linewidth=0, zorder=0)
    label = f"{label_text(results.arms.ceiling)} (ceiling, whole classes)"
    axis.axhline(ceiling.value or 0, color=GREY, linewidth=1, linestyle="--", zorder=0, label=label)
    axis.set_xscale("log")
    axis.set_xticks(results.ns, [f"{n:,}" for n in results.ns])
    axis.xaxis.set_minor_locator(NullLocator())
    axis.set_xlabel("training images of each scarce class (n)")
    axis.set_title(_TITLE, loc="left", fontsize=9)
    axis.yaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)


def _draw_band(axis: Axes, ns: Sequence[int], estimates: Sequence[Estimate], colour: str) -> None:
    known = [(n, e.low, e.high) for n, e in zip(ns, estimates, strict=True) if e.low is not None and e.high is not None]
    places, lows, highs = ([row[column] for row in known] for column in range(3))
    if len(known) == 1:  # a band needs two points
        axis.vlines(places, lows, highs, color=colour, alpha=0.5)
    axis.fill_between(places, lows, highs, color=colour, alpha=0.13, linewidth=0)


def _name(results: ScarcityResults, recipe: str) -> str:
    return f"{label_text(recipe)} ({role_of(recipe, results.ns[0], results.arms)})"
