"""Table and figure of the ablations: accuracy without each part of the method (thesis Fig. 58)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, interval_cells, missing_cells
from hemabalance.report.classify.classifier_results import (
    ClassifierResult,
    as_share,
    has_reported,
    missing_reason,
    reported_cells,
    thesis_accuracy,
    thesis_name_of,
)
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult, probability
from hemabalance.report.marks import (
    BLUE,
    FAINT,
    LINE,
    draw_estimate,
    draw_reported,
    measured_legend,
    n_text,
    reported_legend,
    separate_rows,
)
from hemabalance.report.style import save_figure

_NOT_RUN = "not in this run"


@dataclass(frozen=True)
class Ablation:
    """A row of the table of ablations.

    Attributes:
        row: name of the row; the first row is the full method.
        experiment: name of the experiment in config.
        thesis_name: as in `ClassifierResult`.
        result: None if the experiment is not in this run.
        comparison: with the full method, this row minus the full method; None for the full method and if the two were
            not compared.
    """

    row: str
    experiment: str
    thesis_name: str | None
    result: ClassifierResult | None
    comparison: ComparisonResult | None

    def difference(self, metric: str) -> Mapping[str, Any] | None:
        """This row minus the full method: `value, low, high, n`; None if there is no comparison."""
        if self.comparison is None or self.result is None:
            return None
        difference: Mapping[str, Any] = self.comparison.seed(self.result.seed)[metric]
        return difference


def ablations_of(
    rows: Sequence[Mapping[str, Any]],
    results: Sequence[ClassifierResult],
    comparisons: Sequence[ComparisonResult],
    *,
    preset: str,
) -> list[Ablation]:
    """The rows of the table of ablations.

    Args:
        rows: `row, name, network, normalizer, rich, rare` of each row, the full method first; see
            `classifier_results.thesis_name_for`.
        results: trainings of the run; the first training of each experiment is used.
        comparisons: comparisons of the run, in either direction; comparisons of other pairs are ignored.
        preset: preset of the run.
    """
    first_results = {training.name: training for training in reversed(results)}
    by_names = {frozenset(comparison.names): comparison for comparison in comparisons}
    full_method, ablations = rows[0]["name"], []
    for row in rows:
        name = row["name"]
        comparison = by_names.get(frozenset((name, full_method))) if name != full_method else None
        comparison = comparison.swapped(name) if comparison else None
        ablations.append(Ablation(row["row"], name, thesis_name_of(row, preset), first_results.get(name), comparison))
    return ablations


def ablations_table(ablations: Sequence[Ablation], *, preset: str) -> pd.DataFrame:
    """One row per ablation: reported and measured accuracy, and the difference to the first row on the same images.

    Only a run with the thesis's preset has reported values.
    """
    return pd.DataFrame([_row(ablation, preset, is_full=ablation is ablations[0]) for ablation in ablations])


def _row(ablation: Ablation, preset: str, *, is_full: bool) -> dict[str, Any]:
    cells: dict[str, Any] = {"row": ablation.row, "experiment": ablation.experiment}
    cells |= reported_cells(preset, reported_accuracy=as_share(thesis_accuracy(ablation.thesis_name)))
    if ablation.result is None:
        measured = [f"{_measured_column(metric)}{end}" for metric in METRICS for end in ("", "_low", "_high")]
        cells |= missing_cells("n", *measured)
    else:
        cells["n"] = ablation.result.n
        for metric in METRICS:
            cells |= interval_cells(ablation.result.metric(metric), "value", _measured_column(metric), 4)
    for metric in METRICS:
        column, difference = f"{metric}_less_that_of_the_whole", ablation.difference(metric)
        if difference is not None:
            cells |= interval_cells(difference, "value", column, 4)
        elif is_full:
            cells |= {f"{column}{end}": NO_REASON for end in ("", "_low", "_high")}
        else:
            cells |= missing_cells(*(f"{column}{end}" for end in ("", "_low", "_high")))
    return cells | {
        "mcnemar_p": _p_value(ablation, is_full=is_full),
        "reason": missing_reason(cells, _reason(ablation, is_full=is_full)),
    }


def _measured_column(metric: str) -> str:
    return "measured_accuracy" if metric == "accuracy" else metric


def _p_value(ablation: Ablation, *, is_full: bool) -> str:
    if ablation.comparison is None or ablation.result is None:
        return NO_REASON if is_full else NOT_AVAILABLE
    return probability(ablation.comparison.seed(ablation.result.seed)["mcnemar"]["p"])


def _reason(ablation: Ablation, *, is_full: bool) -> str:
    if ablation.result is None:
        return _NOT_RUN
    if ablation.comparison is None and not is_full:
        return "not compared with the whole in this run"
    return ablation.result.reason


def ablations_figure(ablations: Sequence[Ablation], path: Path, *, preset: str) -> None:
    """Draw measured and reported accuracy of each row, and its difference to the first row.

    Args:
        ablations: rows, the full method first.
        path: SVG to write.
        preset: preset of the run; the legend names reported values only under that of the thesis.
    """
    figure = Figure(figsize=(10.5, 0.5 * max(len(ablations), 1) + 1.4), layout="constrained")
    accuracy_axis, difference_axis = figure.subplots(1, 2, sharey=True, width_ratios=(1.2, 1))
    for row, ablation in enumerate(ablations):
        _draw_ablation(accuracy_axis, difference_axis, ablation, row, is_full=row == 0)
    accuracy_axis.set_yticks(range(len(ablations)), [ablation.row for ablation in ablations])
    accuracy_axis.set_title("accuracy", loc="left")
    difference_axis.set_title("difference to the first row, same images", loc="left")
    difference_axis.axvline(0, color=FAINT, linewidth=1, linestyle="--", zorder=0)
    for axis in (accuracy_axis, difference_axis):
        separate_rows(axis, len(ablations))
        axis.xaxis.grid(visible=True, color=LINE, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.margins(x=0.12)
    legend: list[Artist] = [measured_legend("measured, with 95 % interval", BLUE, "o")]
    if has_reported(preset):
        legend.append(reported_legend())
    figure.legend(handles=legend, loc="outside lower center", ncols=2, frameon=False)
    results = [ablation.result for ablation in ablations if ablation.result is not None]
    text = (
        f"protocol {results[0].protocol}, test images, {n_text([result.n for result in results])}"
        if results
        else _NOT_RUN
    )
    figure.suptitle(text, x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _draw_ablation(accuracy_axis: Axes, difference_axis: Axes, ablation: Ablation, row: int, *, is_full: bool) -> None:
    percent = thesis_accuracy(ablation.thesis_name)
    if percent is not None:
        draw_reported(accuracy_axis, percent / 100, row + 0.16)
    if ablation.result is not None:
        draw_estimate(accuracy_axis, ablation.result.metric("accuracy"), row - 0.16, colour=BLUE, marker="o")
    difference = ablation.difference("accuracy")
    if difference is not None:
        draw_estimate(difference_axis, difference, row, colour=BLUE, marker="o")
    elif not is_full:
        text = _NOT_RUN if ablation.result is None else "not compared"
        difference_axis.annotate(
            text, (0, row), (4, 0), ("axes fraction", "data"), "offset points", color=FAINT, fontsize=8,
            va="center",
        )  # fmt: skip
