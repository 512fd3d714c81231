"""How well source and class are told from colour alone, before and after each normaliser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.stain.effects import TARGETS, probes
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.report.style import save_figure

_LOOK = {"none": ("#444444", "s"), "per_class": ("#D55E00", "o"), "to_a": ("#0072B2", "^"), "to_b": ("#009E73", "v")}
_WORDS = {"none": "untouched", "per_class": "per class", "to_a": "all to A", "to_b": "all to B"}
_OFFSET = {"none": 0.0, "per_class": -0.25, "to_a": 0.0, "to_b": 0.25}


def audit_figure(normalizers: Sequence[NormalizerResult], path: Path) -> None:
    """Draw the balanced accuracy of both probes on colour statistics, with 95 % intervals and the chance line.

    Args:
        normalizers: what was measured under one protocol.
        path: SVG to write.
    """
    places = {
        label: place for place, label in enumerate(dict.fromkeys(p[0] for p in probes(normalizers, "source", "colour")))
    }
    figure = Figure(figsize=(10.5, 0.62 * len(places) + 1.6), layout="constrained")
    axes = figure.subplots(1, len(TARGETS), sharey=True)
    for axis, (target, word) in zip(axes, TARGETS.items(), strict=True):
        found = probes(normalizers, target, "colour")
        for label, direction, row in found:
            _dot(axis, places[label] + _OFFSET[direction], direction, row)
        _furnish(axis, places, word, found[0][2])
    _key(axes[0])
    save_figure(figure, path)


def _dot(axis: Axes, height: float, direction: str, row: Mapping[str, Any]) -> None:
    colour, marker = _LOOK[direction]
    if row["accuracy"] is None:
        axis.text(0.02, height, f"not available: {row['reason']}", color=colour, fontsize=7, va="center")
        return
    axis.plot([row["low"], row["high"]], [height, height], color=colour, linewidth=1.6, solid_capstyle="butt")
    axis.plot(row["accuracy"], height, marker, color=colour, markersize=5.5)


def _furnish(axis: Axes, places: Mapping[str, int], word: str, untouched: Mapping[str, Any]) -> None:
    axis.set_title(f"{word} told from colour (n = {untouched['n']})", loc="left", pad=22)
    if untouched["chance"] is not None:
        axis.axvline(untouched["chance"], color="#999999", linewidth=1, linestyle="--", zorder=0)
        axis.annotate(
            "chance", (untouched["chance"], 1), (0, 2), ("data", "axes fraction"), "offset points", color="#777777",
            fontsize=8, ha="center",
        )  # fmt: skip
    axis.set_xlim(0, 1.02)
    axis.set_xlabel("balanced accuracy")
    axis.set_yticks(list(places.values()), list(places))
    axis.set_ylim(len(places) - 0.45, -0.55)
    for place in list(places.values())[1:]:
        axis.axhline(place - 0.5, color="#e3e3e8", linewidth=0.8, zorder=0)
    axis.tick_params(axis="y", length=0)


def _key(axis: Axes) -> None:
    for direction, (colour, marker) in _LOOK.items():
        axis.plot([], [], marker, color=colour, markersize=5.5, label=_WORDS[direction])
    axis.figure.legend(loc="outside lower center", ncols=len(_LOOK), frameon=False)
