"""Figure of the scores of each class for one or more experiments (thesis Figs. 53, 54, and 59 to 62)."""

from collections.abc import Mapping
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from hemabalance.report.classify.classifier_results import (
    OF_CLASS,
    ClassifierResult,
    classes_of_results,
    thesis_scores_of_class,
)
from hemabalance.report.marks import (
    COLOURS,
    FAINT,
    MARKERS,
    draw_estimate,
    draw_reported,
    label_text,
    measured_legend,
    n_text,
    reported_legend,
    separate_rows,
)
from hemabalance.report.style import save_figure

_PANEL_TITLES = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "one_vs_rest_accuracy": "accuracy against the rest",
}
_THESIS_KEY = {"one_vs_rest_accuracy": "accuracy"}
_SPREAD = 0.5  # share of the row height over which the dots of several experiments are spread


def classes_figure(experiments: Mapping[str, ClassifierResult], path: Path) -> None:
    """Draw sensitivity, specificity and one-vs-rest accuracy of each class with 95 % intervals.

    Args:
        experiments: name in the legend -> a training; up to four, of the same protocol and classes.
        path: SVG to write.
    """
    results = list(experiments.values())
    classes = classes_of_results(results)
    figure = Figure(figsize=(10.8, 0.43 * len(classes) + 1.5), layout="constrained")
    axes = figure.subplots(1, len(OF_CLASS), sharey=True)
    for axis, metric in zip(axes, OF_CLASS, strict=True):
        _draw_panel(axis, metric, results, classes)
    counts = [n_text([result.of_class(label)["n"] for result in results]) for label in classes]
    axes[0].set_yticks(
        range(len(classes)), [f"{label_text(label)}, {n}" for label, n in zip(classes, counts, strict=True)]
    )
    legend: list[Artist] = [
        measured_legend(name, *style) for name, *style in zip(experiments, COLOURS, MARKERS, strict=False)
    ]
    if any(thesis_scores_of_class(result, label) for result in results for label in classes):
        legend.append(reported_legend())
    figure.legend(handles=legend, loc="outside lower center", ncols=len(legend), frameon=False)
    protocol = f"protocol {results[0].protocol}, " if results else ""
    figure.suptitle(
        f"{protocol}test images; each axis as long as its intervals need", x=0.01, ha="left", fontsize=9,
        color=FAINT,
    )  # fmt: skip
    save_figure(figure, path)


def _draw_panel(axis: Axes, metric: str, results: list[ClassifierResult], classes: list[str]) -> None:
    values = [1.0]
    for number, (result, colour, marker) in enumerate(zip(results, COLOURS, MARKERS, strict=False)):
        for class_row, label in enumerate(classes):
            estimate = result.of_class(label)[metric]
            height = class_row + _SPREAD * ((number + 0.5) / len(results) - 0.5)
            if estimate["value"] is None:
                height = class_row + 0.3  # the same text for all experiments, below the reported value
            draw_estimate(axis, estimate, height, colour=colour, marker=marker)
            values += [value for value in (estimate["value"], estimate["low"]) if value is not None]
            percent = thesis_scores_of_class(result, label).get(_THESIS_KEY.get(metric, metric))
            if percent is not None:
                draw_reported(axis, percent / 100, min(height, class_row + _SPREAD / 4))
                values.append(percent / 100)
    axis.set_title(_PANEL_TITLES[metric], loc="left")
    minimum = min(values)
    axis.set_xlim(
        minimum - 0.06 * (1 - minimum) if minimum < 1 else 0.9, 1 + 0.03 * (1 - minimum) if minimum < 1 else 1.005
    )
    separate_rows(axis, len(classes))
    axis.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axis.xaxis.grid(visible=True, color="#e3e3e8", linewidth=0.8)
    axis.set_axisbelow(True)
