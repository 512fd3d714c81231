"""What leaving out each part costs (thesis Fig. 58)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, interval, lacking
from hemabalance.report.classify.classifier_results import (
    ClassifierResult,
    as_share,
    thesis_accuracy,
    thesis_name_of,
    why_lacking,
)
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult, probability
from hemabalance.report.marks import (
    BLUE,
    FAINT,
    LINE,
    counted,
    diamond,
    dot,
    lines_between,
    measured_key,
    reported_key,
)
from hemabalance.report.style import save_figure

_NOT_RUN = "not in this run"


@dataclass(frozen=True)
class Ablation:
    """A row of the table of ablations.

    Attributes:
        row: what it is called; the first row is the whole.
        experiment: its name in config.
        thesis_name: as in `ClassifierResult`.
        scored: None where the run has it not.
        compared: with the first row, this one less that one; None for the first row or where it was not compared.
    """

    row: str
    experiment: str
    thesis_name: str | None
    scored: ClassifierResult | None
    compared: ComparisonResult | None

    def difference(self, metric: str) -> Mapping[str, Any] | None:
        """This less the whole: `value, low, high, n`."""
        if self.compared is None or self.scored is None:
            return None
        found: Mapping[str, Any] = self.compared.seed(self.scored.seed)[metric]
        return found


def ablations_of(
    rows: Sequence[Mapping[str, Any]], scored: Sequence[ClassifierResult], comparisons: Sequence[ComparisonResult]
) -> list[Ablation]:
    """The rows of the table of ablations.

    Args:
        rows: `row, name, network, normalizer, rich, rare`, at least the whole, which is first; see `scored.thesis_name_for`.
        scored: trainings of the run, of which the first of each experiment is taken.
        comparisons: of the run, either way round; those of other pairs are passed over.
    """
    trained = {one.name: one for one in reversed(scored)}
    pairs = {frozenset(one.names): one for one in comparisons}
    whole, found = rows[0]["name"], []
    for known in rows:
        name = known["name"]
        pair = pairs.get(frozenset((name, whole))) if name != whole else None
        found.append(Ablation(known["row"], name, thesis_name_of(known), trained.get(name), pair and pair.turned(name)))
    return found


def ablations_table(ablations: Sequence[Ablation]) -> pd.DataFrame:
    """A row an ablation, reported beside measured, with its difference to the first row on the same test images."""
    return pd.DataFrame([_row(one, whole=one is ablations[0]) for one in ablations])


def _row(one: Ablation, *, whole: bool) -> dict[str, Any]:
    cells: dict[str, Any] = {"row": one.row, "experiment": one.experiment}
    cells["reported_accuracy"] = as_share(thesis_accuracy(one.thesis_name))
    if one.scored is None:
        measured = [f"{_measured(metric)}{end}" for metric in METRICS for end in ("", "_low", "_high")]
        cells |= lacking("n", *measured)
    else:
        cells["n"] = one.scored.n
        for metric in METRICS:
            cells |= interval(one.scored.metric(metric), "value", _measured(metric), 4)
    for metric in METRICS:
        column, found = f"{metric}_less_that_of_the_whole", one.difference(metric)
        if found is not None:
            cells |= interval(found, "value", column, 4)
        elif whole:
            cells |= {f"{column}{end}": NO_REASON for end in ("", "_low", "_high")}
        else:
            cells |= lacking(*(f"{column}{end}" for end in ("", "_low", "_high")))
    return cells | {"mcnemar_p": _p(one, whole=whole), "reason": why_lacking(cells, _why(one, whole=whole))}


def _measured(metric: str) -> str:
    return "measured_accuracy" if metric == "accuracy" else metric


def _p(one: Ablation, *, whole: bool) -> str:
    if one.compared is None or one.scored is None:
        return NO_REASON if whole else NOT_AVAILABLE
    return probability(one.compared.seed(one.scored.seed)["mcnemar"]["p"])


def _why(one: Ablation, *, whole: bool) -> str:
    if one.scored is None:
        return _NOT_RUN
    if one.compared is None and not whole:
        return "not compared with the whole in this run"
    return one.scored.reason


def ablations_figure(ablations: Sequence[Ablation], path: Path) -> None:
    """Draw the accuracy of each row with what the thesis reports, and its difference to the first row.

    Args:
        ablations: the whole first.
        path: SVG to write.
    """
    figure = Figure(figsize=(10.5, 0.5 * max(len(ablations), 1) + 1.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True, width_ratios=(1.2, 1))
    for place, one in enumerate(ablations):
        _dots(left, right, one, place, whole=place == 0)
    left.set_yticks(range(len(ablations)), [one.row for one in ablations])
    left.set_title("accuracy", loc="left")
    right.set_title("difference to the first row, same images", loc="left")
    right.axvline(0, color=FAINT, linewidth=1, linestyle="--", zorder=0)
    for axis in (left, right):
        lines_between(axis, len(ablations))
        axis.xaxis.grid(visible=True, color=LINE, linewidth=0.8)
        axis.set_axisbelow(True)
        axis.margins(x=0.12)
    key: list[Artist] = [measured_key("measured, with 95 % interval", BLUE, "o"), reported_key()]
    figure.legend(handles=key, loc="outside lower center", ncols=2, frameon=False)
    ran = [one.scored for one in ablations if one.scored is not None]
    words = f"protocol {ran[0].protocol}, test images, {counted([one.n for one in ran])}" if ran else _NOT_RUN
    figure.suptitle(words, x=0.01, ha="left", fontsize=9, color=FAINT)
    save_figure(figure, path)


def _dots(left: Axes, right: Axes, one: Ablation, place: int, *, whole: bool) -> None:
    percent = thesis_accuracy(one.thesis_name)
    if percent is not None:
        diamond(left, percent / 100, place + 0.16)
    if one.scored is not None:
        dot(left, one.scored.metric("accuracy"), place - 0.16, colour=BLUE, marker="o")
    found = one.difference("accuracy")
    if found is not None:
        dot(right, found, place, colour=BLUE, marker="o")
    elif not whole:
        words = _NOT_RUN if one.scored is None else "not compared"
        right.annotate(
            words, (0, place), (4, 0), ("axes fraction", "data"), "offset points", color=FAINT, fontsize=8,
            va="center",
        )  # fmt: skip
