"""Tables of pairwise comparisons of experiments, of seeds, and of the agreement with experts."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd

from hemabalance.classify.compare import over_seeds
from hemabalance.report.cells import NO_REASON, interval_cells, number
from hemabalance.report.classify.classifier_results import HEADLINE, ClassifierResult, has_reported, missing_reason
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult, probability

_ONE_SEED = "one seed has no spread"
_NO_IMAGE = "no test image"
_ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"]
_LEVEL_NAMES = {"fine": "fine types", "final": "final classes"}
_IMAGE_SET_NAMES = {"kept": "all re-annotated", "test": "re-annotated test images"}


def comparisons_table(comparisons: Sequence[ComparisonResult]) -> pd.DataFrame:
    """One row per comparison and seed: differences with paired intervals, McNemar's exact test, and n.

    If experiments with different classes are compared, the columns `classes` and `left_out` give the shared classes and
    what is not compared. A prediction of a class that is not shared counts as an error.

    Args:
        comparisons: in the order of the rows; if there are none, the table has one row that says so.
    """
    rows = [_difference(comparison, content) for comparison in comparisons for content in comparison.content["by_seed"]]
    if any("classes" in row for row in rows):
        rows = [{"classes": "all", "left_out": "nothing"} | row for row in rows]
    if not rows:
        rows = [{"a": "none", "b": "none", "reason": "this run has no two experiments that config compares"}]
    return pd.DataFrame(rows)


def _difference(comparison: ComparisonResult, content: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(("a", "b"), comparison.names, strict=True))
    row |= {"protocol": comparison.protocol, "seed": content["seed"], "n": content["n"]}
    if "left_out" in content:
        row |= {"classes": ", ".join(content["classes"]), "left_out": _left_out_text(content["left_out"])}
    for metric in METRICS:
        row |= interval_cells(content[metric], "value", f"{metric}_a_less_b", 4)
    mcnemar = content["mcnemar"]
    row |= {"right_only_in_a": mcnemar["only_a"], "right_only_in_b": mcnemar["only_b"]}
    reason = missing_reason(row, NO_REASON if content["n"] else _NO_IMAGE)
    return row | {"mcnemar_p": probability(mcnemar["p"]), "reason": reason}


def _left_out_text(left_out: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{left_out[f'images_{name}']} test images of {name} and its classes "
        f"{', '.join(left_out[f'classes_{name}']) or 'none'}"
        for name in ("a", "b")
    )


def seeds_table(experiments: Sequence[ClassifierResult]) -> pd.DataFrame:
    """One row per experiment: mean and standard deviation of each metric over the seeds of its trainings.

    Args:
        experiments: trainings with all seeds; trainings of one experiment are adjacent.

    Raises:
        InputError: an experiment has two trainings with the same seed.
    """
    rows = []
    for name, trainings in groupby(experiments, key=lambda training: training.name):
        summary = over_seeds([training.metrics for training in trainings])
        row: dict[str, Any] = {"experiment": name, "protocol": summary["protocol"], "n": summary["n"]}
        row |= {"seeds": ", ".join(map(str, summary["seeds"])), "n_seeds": len(summary["seeds"])}
        for metric in HEADLINE:
            spread = summary["metrics"][metric]
            row |= {f"mean_{metric}": number(spread["mean"], 4), f"sd_{metric}": number(spread["std"], 4)}
        reason = NO_REASON if row["n_seeds"] > 1 else _ONE_SEED
        rows.append(row | {"reason": reason if summary["n"] else _NO_IMAGE})
    return pd.DataFrame(rows)


def expert_agreement_table(expert_agreements: Mapping[str, Mapping[str, Any]], *, preset: str) -> pd.DataFrame:
    """Rows of the agreement of experts with each other and with the label, and of each model with all of them.

    Args:
        expert_agreements: experiment -> content of the file written by `classify.expert_agreement`. The agreement among
            experts does not depend on the experiment and has one row for each set of images.
        preset: preset of the run. The column `source` is left out for the thesis's preset, which has experts for one
            source only.

    Returns:
        The table; one row that says so if no source has labels by further experts.
    """
    rows: list[dict[str, Any]] = []
    for name, content in expert_agreements.items():
        for source, of_source in content.items():
            key_cells = {} if has_reported(preset) else {"source": source}
            rows += [key_cells | _agreement(name, row) for row in of_source]
    if not rows:
        rows = [{"by": "none", "of": "none", "reason": "no source has labels by further experts"}]
    rows.sort(key=lambda row: row["by"] != "experts")  # a stable sort
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def _agreement(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    is_model = row["of"] == "model"
    cells = {"by": "a model" if is_model else "experts", "of": name if is_model else _annotator(row["of"])}
    cells |= {
        "against": _annotator(row["against"]),
        "in": _LEVEL_NAMES[row["level"]],
        "images": _IMAGE_SET_NAMES[row["images"]],
    }
    cells |= {"n": row["n"], "agree": row["agree"], "undecided": row["undecided"]}
    cells |= interval_cells(row, "value", "share_that_agrees", 3)
    return cells | {"reason": NO_REASON if row["n"] else "no such image was annotated again"}


def _annotator(column: str) -> str:
    """`label`, or `expert_<number>`, for display."""
    if column == "label":
        return "the archive's label"
    number = int(column.removeprefix("expert_"))
    return f"{_ORDINALS[number - 1]} re-annotation" if number <= len(_ORDINALS) else f"re-annotation {number}"
