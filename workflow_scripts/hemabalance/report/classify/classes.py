"""Scores of each class, two experiments or more side by side (thesis Figs. 53, 54, and 59 to 62)."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hemabalance.report.classify.classifier_results import OF_CLASS, ClassifierResult, thesis_scores_of_class
from hemabalance.report.marks import (
    COLOURS,
    FAINT,
    MARKERS,
    counted,
    diamond,
    dot,
    lines_between,
    measured_key,
    reported_key,
    spaced,
)
from hemabalance.report.style import save_figure
from hemabalance.taxonomy import CLASSES

_WORDS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "one_vs_rest_accuracy": "accuracy against the rest",
}
_TOLD = {"one_vs_rest_accuracy": "accuracy"}
_SPREAD = 0.5  # of a row that the dots of several experiments take


def classes_figure(experiments: Mapping[str, ClassifierResult], path: Path) -> None:
    """Draw sensitivity, specificity and one-against-rest accuracy of each class with 95 % intervals.

    Args:
        experiments: what a figure calls it -> a training; up to four, of the same protocol.
        path: SVG to write.
    """
    shown = list(experiments.values())
    figure = Figure(figsize=(10.8, 0.43 * len(CLASSES) + 1.5), layout="constrained")
    axes = figure.subplots(1, len(OF_CLASS), sharey=True)
    for axis, metric in zip(axes, OF_CLASS, strict=True):
        _panel(axis, metric, shown)
    counts = [counted([one.of_class(label)["n"] for one in shown]) for label in CLASSES]
    axes[0].set_yticks(range(len(CLASSES)), [f"{spaced(label)}, {n}" for label, n in zip(CLASSES, counts, strict=True)])
    key: list[Artist] = [
        measured_key(words, *look) for words, *look in zip(experiments, COLOURS, MARKERS, strict=False)
    ]
    if any(thesis_scores_of_class(one, label) for one in shown for label in CLASSES):
        key.append(reported_key())
    figure.legend(handles=key, loc="outside lower center", ncols=len(key), frameon=False)
    protocol = f"protocol {shown[0].protocol}, " if shown else ""
    figure.suptitle(
        f"{protocol}test images; each axis as long as its intervals need", x=0.01, ha="left", fontsize=9,
        color=FAINT,
    )  # fmt: skip
    save_figure(figure, path)


def _panel(axis: Axes, metric: str, shown: list[ClassifierResult]) -> None:
    ends = [1.0]
    for at, (one, colour, marker) in enumerate(zip(shown, COLOURS, MARKERS, strict=False)):
        for place, label in enumerate(CLASSES):
            found = one.of_class(label)[metric]
            height = place + _SPREAD * ((at + 0.5) / len(shown) - 0.5)
            if found["value"] is None:
                height = place + 0.3  # one word for all of them, below what is reported
            dot(axis, found, height, colour=colour, marker=marker)
            ends += [value for value in (found["value"], found["low"]) if value is not None]
            percent = thesis_scores_of_class(one, label).get(_TOLD.get(metric, metric))
            if percent is not None:
                diamond(axis, percent / 100, min(height, place + _SPREAD / 4))
                ends.append(percent / 100)
    axis.set_title(_WORDS[metric], loc="left")
    least = min(ends)
    axis.set_xlim(least - 0.06 * (1 - least) if least < 1 else 0.9, 1 + 0.03 * (1 - least) if least < 1 else 1.005)
    lines_between(axis, len(CLASSES))
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.xaxis.grid(visible=True, color="#e3e3e8", linewidth=0.8)
    axis.set_axisbelow(True)
