"""Figure of how well source and class are predicted from colour, before and after each normaliser."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.stain.effects import TARGETS, probes
from hemabalance.report.stain.normalizer_results import NormalizerResult
from hemabalance.report.style import save_figure

_STYLES = {"none": ("#444444", "s"), "per_class": ("#D55E00", "o"), "to_a": ("#0072B2", "^"), "to_b": ("#009E73", "v")}
_LEGEND = {"none": "untouched", "per_class": "per class", "to_a": "all to A", "to_b": "all to B"}
_OFFSET = {"none": 0.0, "per_class": -0.25, "to_a": 0.0, "to_b": 0.25}


def audit_figure(normalizers: Sequence[NormalizerResult], path: Path) -> None:
    """Draw the balanced accuracy of both probes on colour statistics, with 95 % intervals and chance level.

    Args:
        normalizers: results of normalisers under one protocol.
        path: SVG to write.
    """
    rows = {
        label: row
        for row, label in enumerate(dict.fromkeys(name for name, _, _ in probes(normalizers, "source", "colour")))
    }
    figure = Figure(figsize=(10.5, 0.62 * len(rows) + 1.6), layout="constrained")
    axes = figure.subplots(1, len(TARGETS), sharey=True)
    for axis, (target, text) in zip(axes, TARGETS.items(), strict=True):
        results = probes(normalizers, target, "colour")
        for label, direction, probe in results:
            _draw_result(axis, rows[label] + _OFFSET[direction], direction, probe)
        _style_panel(axis, rows, text, results[0][2])
    _add_legend(axes[0])
    save_figure(figure, path)


def _draw_result(axis: Axes, height: float, direction: str, probe: Mapping[str, Any]) -> None:
    colour, marker = _STYLES[direction]
    if probe["accuracy"] is None:
        axis.text(0.02, height, f"not available: {probe['reason']}", color=colour, fontsize=7, va="center")
        return
    axis.plot([probe["low"], probe["high"]], [height, height], color=colour, linewidth=1.6, solid_capstyle="butt")
    axis.plot(probe["accuracy"], height, marker, color=colour, markersize=5.5)


def _style_panel(axis: Axes, rows: Mapping[str, int], text: str, untouched: Mapping[str, Any]) -> None:
    axis.set_title(f"{text} predicted from colour (n = {untouched['n']})", loc="left", pad=22)
    if untouched["chance"] is not None:
        axis.axvline(untouched["chance"], color="#999999", linewidth=1, linestyle="--", zorder=0)
        axis.annotate(
            "chance", (untouched["chance"], 1), (0, 2), ("data", "axes fraction"), "offset points", color="#777777",
            fontsize=8, ha="center",
        )  # fmt: skip
    axis.set_xlim(0, 1.02)
    axis.set_xlabel("balanced accuracy")
    axis.set_yticks(list(rows.values()), list(rows))
    axis.set_ylim(len(rows) - 0.45, -0.55)
    for row in list(rows.values())[1:]:
        axis.axhline(row - 0.5, color="#e3e3e8", linewidth=0.8, zorder=0)
    axis.tick_params(axis="y", length=0)


def _add_legend(axis: Axes) -> None:
    for direction, (colour, marker) in _STYLES.items():
        axis.plot([], [], marker, color=colour, markersize=5.5, label=_LEGEND[direction])
    axis.figure.legend(loc="outside lower center", ncols=len(_STYLES), frameon=False)
