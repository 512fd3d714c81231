"""Figure of accuracy over the share of other images in the test part."""

from pathlib import Path

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.classify.protocol_gain import COPIES, LEAK_FREE, SYNTHETIC, THESIS
from hemabalance.report.marks import BLUE, GREEN, GREY, LINE, ORANGE
from hemabalance.report.style import save_figure

_CURVES = {SYNTHETIC: (ORANGE, "s"), COPIES: (BLUE, "o")}


def protocol_gain_figure(table: pd.DataFrame, path: Path) -> None:
    """Draw accuracy and balanced accuracy over the share, with 95 % bands; the leak-free value is dashed.

    Args:
        table: result of `protocol_gain.protocol_gain`; may have no row.
        path: SVG to write.
    """
    figure = Figure(figsize=(8.5, 3.4), layout="constrained")
    axes = figure.subplots(1, 2)
    for axis, metric in zip(axes, ("accuracy", "balanced_accuracy"), strict=True):
        if len(table):
            _draw(axis, table, metric)
        else:
            axis.set_axis_off()
    if len(table):
        figure.legend(*axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False)
    else:
        axes[0].text(0, 0.5, "no compared experiment is trained with synthetic images", va="center")
    save_figure(figure, path)


def _draw(axis: Axes, table: pd.DataFrame, metric: str) -> None:
    columns = [metric, f"{metric}_low", f"{metric}_high"]
    numbers = table[columns].apply(pd.to_numeric, errors="coerce").set_axis(["value", "low", "high"], axis=1)
    numbers = numbers.assign(share=table["share_of_other_images"].astype(float), part=table["test_part"])
    leak_free = numbers[numbers["part"] == LEAK_FREE]
    for part, (colour, marker) in _CURVES.items():
        shown = numbers[numbers["part"] == part]
        if len(shown):
            points = pd.concat([leak_free, shown])
            axis.fill_between(points["share"], points["low"], points["high"], color=colour, alpha=0.15, linewidth=0)
            axis.plot(points["share"], points["value"], f"{marker}-", color=colour, markersize=4, label=part)
    if len(leak_free):
        value = leak_free["value"].iloc[0]
        axis.axhline(value, color=GREY, linewidth=1, linestyle="--", zorder=0, label=f"{LEAK_FREE} alone")
    for place, row in enumerate(numbers[numbers["part"] == THESIS].itertuples()):
        label = THESIS if place == 0 else "_nolegend_"
        axis.vlines([row.share], [row.low], [row.high], color=GREEN)
        axis.plot([row.share], [row.value], "D", color=GREEN, markersize=5, label=label)
    axis.set_title(metric.replace("_", " "), loc="left")
    axis.set_xlabel("share of other images in the test part")
    axis.set_xlim(-0.02, 0.95)
    axis.yaxis.grid(visible=True, color=LINE, linewidth=0.8)
    axis.set_axisbelow(True)
