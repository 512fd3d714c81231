"""How the losses of trained normalisers (thesis Fig. 40) and generators went."""

import json
import re
from collections.abc import Mapping
from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from hemabalance.report.style import save_figure

_PANELS = {
    "critic": "critic",
    "penalty": "gradient penalty",
    "adversarial": "adversarial",
    "cycle": "cycle",
    "identity": "identity",
    "l1": "L1 to the true image",
    "adversarial_to_cycle": "adversarial / cycle",
    "class_fake": "cross-entropy, generated",
    "classifier": "cross-entropy, real",
    "accuracy": "accuracy, training",
    "held_back_accuracy": "accuracy, held back",
}
_LOGARITHMIC = "adversarial_to_cycle"
_COLOURS = {"A": "#0072B2", "B": "#D55E00", "": "#444444"}
_SMOOTHED = 60  # lines of history from which on a running mean is drawn
_CELL = (2.1, 1.75)  # inches
_COLUMNS = 7


def read_history(path: Path) -> pd.DataFrame:
    """A history, `step` and a column a loss; empty where nothing was trained."""
    lines = path.read_text("utf-8").splitlines()
    return pd.DataFrame([json.loads(line) for line in lines])


def losses_figure(histories: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw a row of panels a trained normaliser or generator (more rows if need be), a panel a loss.

    Args:
        histories: its name -> its history (`read_history`); those without a line are left out.
        path: SVG to write.
    """
    shown = {name: panels_of(history) for name, history in histories.items() if len(history)}
    columns = min(_COLUMNS, max((len(panels) for panels in shown.values()), default=3))
    lines = [
        (name if not first else "", histories[name], list(panels.items())[first : first + columns])
        for name, panels in shown.items()
        for first in range(0, len(panels), columns)
    ]
    rows = max(1, len(lines))
    figure = Figure(figsize=(_CELL[0] * columns + 0.4, _CELL[1] * rows + 0.3), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False)
    for places, (name, history, panels) in zip(axes, lines, strict=False):
        places[0].set_ylabel(name, fontsize=10, fontweight="bold")
        for axis, (kind, losses) in zip(places, panels, strict=False):
            _panel(axis, kind, history["step"], history[list(losses.values())], list(losses))
    for axis in axes.flat:
        if not axis.lines:
            axis.set_axis_off()
    if not shown:
        axes[0, 0].text(0, 0.5, "none of the normalisers compared is trained by steps", va="center")
    save_figure(figure, path)


def panels_of(history: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Kind of loss -> domain (`A`, `B`, or nothing) -> column of the history, in the order they are drawn."""
    panels: dict[str, dict[str, str]] = {}
    for column in history.columns.drop("step"):
        kind, domain = re.fullmatch(r"(.*?)(?:_([ab]))?", column).groups("")  # type: ignore[union-attr]
        panels.setdefault(kind, {})[domain.upper()] = column
    order = [*_PANELS, *sorted(panels.keys() - _PANELS.keys())]
    return {kind: dict(sorted(panels[kind].items())) for kind in order if kind in panels}


def _panel(axis: Axes, kind: str, steps: pd.Series, losses: pd.DataFrame, domains: list[str]) -> None:
    for place, (domain, column) in enumerate(zip(reversed(domains), reversed(losses.columns), strict=True)):
        # What only some steps report leaves gaps, which would break the line into points.
        values, colour = losses[column].dropna(), _COLOURS[domain]
        many = len(values) > _SMOOTHED
        when = steps[values.index]
        axis.plot(when, values, color=colour, linewidth=0.7 if many else 1.3, alpha=0.35 if many else 1)
        if many:
            window = len(values) // (_SMOOTHED // 2) | 1
            smooth = values.rolling(window, center=True, min_periods=1).mean()
            axis.plot(when, smooth, color=colour, linewidth=1.5)
        axis.annotate(
            domain, (1, 1), (-13 * place, 5), "axes fraction", "offset points", color=colour, ha="right", weight="bold"
        )
    axis.set_title(_PANELS.get(kind, kind.replace("_", " ")), loc="left", fontsize=9)
    if kind == _LOGARITHMIC:
        axis.set_yscale("log")
        axis.axhline(1, color="#999999", linewidth=0.8, linestyle="--", zorder=0)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axis.tick_params(labelsize=7.5)
