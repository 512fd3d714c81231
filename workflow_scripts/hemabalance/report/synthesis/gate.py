"""What became of the draws of each class: accepted, or refused and why."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from hemabalance.report.style import save_figure
from hemabalance.taxonomy import CLASSES

SEVERAL = "several"
_LOOK = {
    "": ("accepted", "#009E73", "#ffffff"),
    "class": ("another class", "#0072B2", "#ffffff"),
    "manifold": ("unlike the real images", "#E69F00", "#222222"),
    "copy": ("a copy", "#CC79A7", "#222222"),
    SEVERAL: ("several of these", "#666666", "#ffffff"),
}
_LEAST = 0.06  # share of a bar that holds its number


def outcomes(gate: pd.DataFrame) -> pd.DataFrame:
    """Draws by class (rows, in the order of `taxonomy.CLASSES`) and outcome (columns): each draw is counted once.

    Args:
        gate: a row a draw, `label, reason`: empty, or what it failed, joined by `; `.

    Returns:
        Columns ``, `class`, `manifold`, `copy`, and `several` for what failed more than one test.
    """
    outcome = gate["reason"].where(~gate["reason"].str.contains(";"), SEVERAL)
    table = pd.crosstab(gate["label"], outcome)
    return table.reindex(index=[label for label in CLASSES if label in table.index], columns=list(_LOOK), fill_value=0)


def gate_figure(gates: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw a panel a generator, in it a bar a class with the shares of its outcomes, and how many were drawn.

    Args:
        gates: generator (and normaliser) -> a row a draw, as for `outcomes`.
        path: SVG to write.
    """
    tables = {name: outcomes(gate) for name, gate in gates.items()}
    lengths = [max(1, len(table)) for table in tables.values()] or [1]
    figure = Figure(figsize=(8.5, 0.3 * sum(lengths) + 0.55 * len(lengths) + 0.7), layout="constrained")
    axes = figure.subplots(len(lengths), 1, squeeze=False, sharex=True, height_ratios=lengths)[:, 0]
    for axis, (name, table) in zip(axes, tables.items(), strict=False):
        _panel(axis, name, table)
    axes[-1].set_xlabel("share of draws")
    key = [Patch(color=colour, label=words) for words, colour, _ in _LOOK.values()]
    figure.legend(handles=key, loc="outside lower center", ncols=len(_LOOK), frameon=False)
    save_figure(figure, path)


def _panel(axis: Axes, name: str, table: pd.DataFrame) -> None:
    drawn = table.sum(axis=1).to_numpy()
    left = 0 * drawn.astype(float)
    places = list(range(len(table)))
    for key, (_, colour, ink) in _LOOK.items():
        shares = table[key].to_numpy() / drawn
        axis.barh(places, shares, left=left, color=colour, height=0.74, edgecolor="white", linewidth=0.6)
        for place, share, start, count in zip(places, shares, left, table[key], strict=True):
            if share >= _LEAST:
                axis.text(start + share / 2, place, str(count), color=ink, fontsize=7, ha="center", va="center")
        left = left + shares
    for place, count in zip(places, drawn, strict=True):
        axis.text(1.01, place, f"n = {count}", fontsize=7.5, va="center", color="#55555f")
    axis.set_title(name, loc="left", fontsize=9.5, fontweight="bold")
    axis.set_yticks(places, [label.replace("_", " ") for label in table.index])
    axis.set_ylim(len(places) - 0.5, -0.5)
    axis.set_xlim(0, 1)
    axis.tick_params(axis="y", length=0)
    axis.spines["left"].set_visible(False)
