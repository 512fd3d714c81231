"""Accuracy of all models that are compared (thesis Fig. 52), and what accuracy hides."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.classify.classifier_results import ClassifierResult, thesis_accuracy
from hemabalance.report.marks import FAINT, NOT_ESTIMABLE, counted, diamond, measured_key, reported_key, whisker
from hemabalance.report.reported import reported
from hemabalance.report.style import save_figure

_PANELS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy: every class counts alike"}
_COLOURS = {"accuracy": "#56B4E9", "balanced_accuracy": "#b5dcf3"}


def models_figure(experiments: Sequence[ClassifierResult], path: Path) -> None:
    """Draw a bar a training with its 95 % interval, the best on top, and diamonds for what the thesis reports.

    Models of Fig. 52 that are not among them stand below with their diamonds alone.

    Args:
        experiments: of one protocol, so of the same test images.
        path: SVG to write.
    """
    order = sorted(experiments, key=lambda one: (-(one.metric("accuracy")["value"] or 0), one.name, one.seed))
    rest = {
        k: v for k, v in reported("figure52_accuracy_balanced").items() if k not in {one.thesis_name for one in order}
    }
    lines = len(order) + len(rest)
    figure = Figure(figsize=(11.5, 0.33 * max(lines, 1) + 1.3), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.1, 1))
    for axis, metric in zip((left, right), _PANELS, strict=True):
        for place, one in enumerate(order):
            _bar(axis, one, metric, place)
        _furnish(axis, _PANELS[metric], lines)
    for place, percent in enumerate([thesis_accuracy(one.thesis_name) for one in order] + list(rest.values())):
        if percent is not None:
            diamond(left, percent / 100, place + 0.2)
    names = [one.name for one in order]
    several = {name for name in names if names.count(name) > 1}
    names = [f"{one.name}, seed {one.seed}" if one.name in several else one.name for one in order]
    left.set_yticks(range(lines), names + [f"{name} (not trained here)" for name in rest])
    for place in range(len(order), lines):
        left.get_yticklabels()[place].set_color(FAINT)
    key: list[Artist] = [measured_key("measured, with 95 % interval", _COLOURS["accuracy"]), reported_key()]
    figure.legend(handles=key, loc="outside lower center", ncols=2, frameon=False)
    words = "nothing was trained under this protocol"
    if order:
        words = f"protocol {order[0].protocol}, test images, {counted([one.n for one in order])}"
    figure.suptitle(words, x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _bar(axis: Axes, one: ClassifierResult, metric: str, place: int) -> None:
    found = one.metric(metric)
    if found["value"] is None:
        axis.text(0.01, place, NOT_ESTIMABLE, color=FAINT, fontsize=8, va="center")
        return
    axis.barh(place, found["value"], color=_COLOURS[metric], height=0.62)
    whisker(axis, found, place - 0.1)
    between = f" ({found['low']:.3f} to {found['high']:.3f})" if found["low"] is not None else ""
    axis.annotate(
        f"{found['value']:.3f}{between}", (1, place), (6, 0), ("axes fraction", "data"), "offset points", fontsize=7.5,
        va="center", annotation_clip=False,
    )  # fmt: skip


def _furnish(axis: Axes, words: str, lines: int) -> None:
    axis.set_title(words, loc="left")
    axis.set_xlim(0, 1)
    axis.set_ylim(max(lines, 1) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.grid(visible=True, color="#e3e3e8", linewidth=0.8)
    axis.set_axisbelow(True)
