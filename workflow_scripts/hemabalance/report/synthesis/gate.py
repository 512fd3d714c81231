"""Figure of accepted and refused draws of each class, with the reasons of refusal."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hemabalance.report.style import save_figure

SEVERAL = "several"
_STYLES = {
    "": ("accepted", "#009E73", "#ffffff"),
    "class": ("another class", "#0072B2", "#ffffff"),
    "manifold": ("outside the real images", "#E69F00", "#222222"),
    "copy": ("a copy", "#CC79A7", "#222222"),
    SEVERAL: ("several reasons", "#666666", "#ffffff"),
}
_MIN_SHARE = 0.06  # least share of a bar with room for its number


def outcomes(gate: pd.DataFrame) -> pd.DataFrame:
    """Numbers of draws by class (rows, in alphabetical order) and outcome (columns), each counted once.

    Args:
        gate: one row per draw, `label, reason`; the reason is empty, or the failed tests, joined by `; `.

    Returns:
        Columns `` (accepted), `class`, `manifold`, `copy`, and `several` for draws that failed more than one test.
    """
    outcome = gate["reason"].where(~gate["reason"].str.contains(";"), SEVERAL)
    table = pd.crosstab(gate["label"], outcome)
    return table.reindex(columns=list(_STYLES), fill_value=0)


def gate_figure(gates: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw a panel for each generator, with a bar of the shares of outcomes and the number of draws for each class.

    Args:
        gates: generator (and normaliser) -> table of draws, as for `outcomes`.
        path: SVG to write.
    """
    tables = {name: outcomes(gate) for name, gate in gates.items()}
    lengths = [max(1, len(table)) for table in tables.values()] or [1]
    figure = Figure(figsize=(8.5, 0.3 * sum(lengths) + 0.55 * len(lengths) + 0.7), layout="constrained")
    axes = figure.subplots(len(lengths), 1, squeeze=False, sharex=True, height_ratios=lengths)[:, 0]
    for axis, (name, table) in zip(axes, tables.items(), strict=False):
        _draw_panel(axis, name, table)
    axes[-1].set_xlabel("share of draws")
    legend = [Patch(color=colour, label=text) for text, colour, _ in _STYLES.values()]
    figure.legend(handles=legend, loc="outside lower center", ncols=len(_STYLES), frameon=False)
    save_figure(figure, path)


def _draw_panel(axis: Axes, name: str, table: pd.DataFrame) -> None:
    drawn = table.sum(axis=1).to_numpy()
    left = 0 * drawn.astype(float)
    rows = list(range(len(table)))
    for reason, (_, colour, text_colour) in _STYLES.items():
        shares = table[reason].to_numpy() / drawn
        axis.barh(rows, shares, left=left, color=colour, height=0.74, edgecolor="white", linewidth=0.6)
        for row, share, start, count in zip(rows, shares, left, table[reason], strict=True):
            if share >= _MIN_SHARE:
                axis.text(start + share / 2, row, str(count), color=text_colour, fontsize=7, ha="center", va="center")
        left = left + shares
    for row, count in zip(rows, drawn, strict=True):
        axis.text(1.01, row, f"n = {count}", fontsize=7.5, va="center", color="#55555f")
    axis.set_title(name, loc="left", fontsize=9.5, fontweight="bold")
    axis.set_yticks(rows, [label.replace("_", " ") for label in table.index])
    axis.set_ylim(max(len(rows), 1) - 0.5, -0.5)
    axis.set_xlim(0, 1)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
