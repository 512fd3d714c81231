"""Loss curves of normalisers (thesis Fig. 40) and generators."""

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
    "l1": "L1 to the target image",
    "adversarial_to_cycle": "adversarial / cycle",
    "class_fake": "cross-entropy, generated",
    "class_fake_critic": "the same, critic's update",
    "class_real": "cross-entropy, real",
    "classifier": "cross-entropy, real",
    "accuracy": "accuracy, training",
    "held_back_accuracy": "accuracy, held back",
}
_LOGARITHMIC = "adversarial_to_cycle"
_COLOURS = {"A": "#0072B2", "B": "#D55E00", "": "#444444"}
_SMOOTHED = 60  # longer histories get a running mean
_CELL = (2.1, 1.75)  # inches
_COLUMNS = 7


def read_history(path: Path) -> pd.DataFrame:
    """Read a history (JSON lines): `step` and one column per loss; empty for a method that is not trained by steps."""
    return pd.DataFrame([json.loads(line) for line in path.read_text("utf-8").splitlines()])


def losses_figure(histories: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw one or more rows of panels for each normaliser or generator, with a panel for each loss.

    Args:
        histories: name -> history (`read_history`); empty histories are left out.
        path: SVG to write.
    """
    panels_by_name = {name: panels_of(history) for name, history in histories.items() if len(history)}
    columns = min(_COLUMNS, max((len(panels) for panels in panels_by_name.values()), default=3))
    figure_rows = [
        (name if not first else "", histories[name], list(panels.items())[first : first + columns])
        for name, panels in panels_by_name.items()
        for first in range(0, len(panels), columns)
    ]
    row_count = max(1, len(figure_rows))
    figure = Figure(figsize=(_CELL[0] * columns + 0.4, _CELL[1] * row_count + 0.3), layout="constrained")
    axes = figure.subplots(row_count, columns, squeeze=False)
    for row_axes, (name, history, panels) in zip(axes, figure_rows, strict=False):
        for axis, (kind, losses) in zip(row_axes, panels, strict=False):
            _draw_panel(axis, kind, history["step"], history[list(losses.values())], list(losses))
        if name:
            _write_above(row_axes[0], name)
    for axis in axes.flat:
        if not axis.lines:
            axis.set_axis_off()
    if not panels_by_name:
        axes[0, 0].text(0, 0.5, "none of the normalisers compared is trained by steps", va="center")
    save_figure(figure, path)


def _write_above(axis: Axes, name: str) -> None:
    """Write a name above the title of a row's first panel; beside the panel it would reach into other rows."""
    axis.set_title(f"\n{axis.get_title(loc='left')}", loc="left", fontsize=9)  # makes room in the layout
    written = axis.annotate(name, (0, 1), (0, 20), "axes fraction", "offset points", fontsize=10, fontweight="bold")
    written.set_in_layout(False)  # a long name would make the column wider


def panels_of(history: pd.DataFrame) -> dict[str, dict[str, str]]:
    """Kind of loss -> domain (`A`, `B` or empty) -> column of the history, in drawing order."""
    panels: dict[str, dict[str, str]] = {}
    for column in history.columns.drop("step"):
        kind, domain = re.fullmatch(r"(.*?)(?:_([ab]))?", column).groups("")  # type: ignore[union-attr]
        panels.setdefault(kind, {})[domain.upper()] = column
    order = [*_PANELS, *sorted(panels.keys() - _PANELS.keys())]
    return {kind: dict(sorted(panels[kind].items())) for kind in order if kind in panels}


def _draw_panel(axis: Axes, kind: str, steps: pd.Series, losses: pd.DataFrame, domains: list[str]) -> None:
    for index, (domain, column) in enumerate(zip(reversed(domains), reversed(losses.columns), strict=True)):
        # Losses that only some steps report have gaps, which would interrupt the line.
        values, colour = losses[column].dropna(), _COLOURS[domain]
        smoothed = len(values) > _SMOOTHED
        history_steps = steps[values.index]
        axis.plot(
            history_steps, values, color=colour, linewidth=0.7 if smoothed else 1.3, alpha=0.35 if smoothed else 1
        )
        if smoothed:
            window = len(values) // (_SMOOTHED // 2) | 1
            running_mean = values.rolling(window, center=True, min_periods=1).mean()
            axis.plot(history_steps, running_mean, color=colour, linewidth=1.5)
        axis.annotate(
            domain, (1, 1), (-13 * index, 5), "axes fraction", "offset points", color=colour, ha="right", weight="bold"
        )
    axis.set_title(_PANELS.get(kind, kind.replace("_", " ")), loc="left", fontsize=9)
    if kind == _LOGARITHMIC:
        axis.set_yscale("log")
        axis.axhline(1, color="#999999", linewidth=0.8, linestyle="--", zorder=0)
    axis.xaxis.set_major_formatter(EngFormatter(sep=""))
    axis.xaxis.set_major_locator(MaxNLocator(3, steps=[1, 2, 5, 10]))
    axis.tick_params(labelsize=7.5)
