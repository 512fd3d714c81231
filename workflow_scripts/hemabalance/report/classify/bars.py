"""Figure of the accuracy and balanced accuracy of all models (thesis Fig. 52)."""

from collections.abc import Sequence
from pathlib import Path

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.classify.classifier_results import ClassifierResult, has_reported, thesis_accuracy
from hemabalance.report.marks import (
    FAINT,
    NOT_ESTIMABLE,
    draw_interval,
    draw_reported,
    measured_legend,
    n_text,
    reported_legend,
)
from hemabalance.report.reported import reported
from hemabalance.report.style import save_figure

_PANELS = {"accuracy": "accuracy", "balanced_accuracy": "balanced accuracy: mean over classes"}
_COLOURS = {"accuracy": "#56B4E9", "balanced_accuracy": "#b5dcf3"}


def models_figure(experiments: Sequence[ClassifierResult], path: Path, *, preset: str) -> None:
    """Draw a bar with a 95 % interval for each training, best on top, and diamonds for values reported by the thesis.

    Models of Fig. 52 that this run lacks follow below, with diamonds only. Without the thesis's preset there are no
    reported values.

    Args:
        experiments: results under one protocol, thus on the same test images.
        path: SVG to write.
        preset: preset of the run.
    """
    sorted_results = sorted(
        experiments, key=lambda result: (-(result.metric("accuracy")["value"] or 0), result.name, result.seed)
    )
    only_reported = {
        name: percent
        for name, percent in reported("figure52_accuracy_balanced", preset).items()
        if name not in {result.thesis_name for result in sorted_results}
    }
    rows = len(sorted_results) + len(only_reported)
    figure = Figure(figsize=(11.5, 0.33 * max(rows, 1) + 1.3), layout="constrained")
    accuracy_axis, balanced_axis = figure.subplots(1, 2, sharey=True, width_ratios=(1.1, 1))
    for axis, metric in zip((accuracy_axis, balanced_axis), _PANELS, strict=True):
        for row, result in enumerate(sorted_results):
            _draw_bar(axis, result, metric, row)
        _style_panel(axis, _PANELS[metric], rows)
    for row, percent in enumerate(
        [thesis_accuracy(result.thesis_name) for result in sorted_results] + list(only_reported.values())
    ):
        if percent is not None:
            draw_reported(accuracy_axis, percent / 100, row + 0.2)
    experiment_names = [result.name for result in sorted_results]
    repeated_names = {name for name in experiment_names if experiment_names.count(name) > 1}
    names = [
        f"{result.name}, seed {result.seed}" if result.name in repeated_names else result.name
        for result in sorted_results
    ]
    accuracy_axis.set_yticks(range(rows), names + [f"{name} (not trained here)" for name in only_reported])
    for row in range(len(sorted_results), rows):
        accuracy_axis.get_yticklabels()[row].set_color(FAINT)
    legend: list[Artist] = [measured_legend("measured, with 95 % interval", _COLOURS["accuracy"])]
    if has_reported(preset):
        legend.append(reported_legend())
    figure.legend(handles=legend, loc="outside lower center", ncols=2, frameon=False)
    heading = "nothing was trained under this protocol"
    if sorted_results:
        heading = (
            f"protocol {sorted_results[0].protocol}, test images, {n_text([result.n for result in sorted_results])}"
        )
    figure.suptitle(heading, x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _draw_bar(axis: Axes, result: ClassifierResult, metric: str, row: int) -> None:
    estimate = result.metric(metric)
    if estimate["value"] is None:
        axis.text(0.01, row, NOT_ESTIMABLE, color=FAINT, fontsize=8, va="center")
        return
    axis.barh(row, estimate["value"], color=_COLOURS[metric], height=0.62)
    draw_interval(axis, estimate, row - 0.1)
    interval_text = f" ({estimate['low']:.3f} to {estimate['high']:.3f})" if estimate["low"] is not None else ""
    axis.annotate(
        f"{estimate['value']:.3f}{interval_text}", (1, row), (6, 0), ("axes fraction", "data"), "offset points",
        fontsize=7.5, va="center", annotation_clip=False,
    )  # fmt: skip


def _style_panel(axis: Axes, title: str, rows: int) -> None:
    axis.set_title(title, loc="left")
    axis.set_xlim(0, 1)
    axis.set_ylim(max(rows, 1) - 0.45, -0.55)
    axis.tick_params(axis="y", length=0)
    axis.xaxis.grid(visible=True, color="#e3e3e8", linewidth=0.8)
    axis.set_axisbelow(True)
