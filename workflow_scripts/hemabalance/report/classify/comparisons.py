"""Tables of experiments against each other on the same test images, over seeds, and beside what experts agree on."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

import pandas as pd

from hemabalance.classify.compare import over_seeds
from hemabalance.report.cells import NO_REASON, interval, number
from hemabalance.report.classify.classifier_results import HEADLINE, ClassifierResult, why_lacking
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult, probability

_ONE_SEED = "one seed has no spread"
_NO_IMAGE = "no test image"
_WHO = {
    "label": "the archive's label",
    "reannotation_1": "first re-annotation",
    "reannotation_2": "second re-annotation",
}
_LEVEL = {"fine": "fine types", "final": "final classes"}
_IMAGES = {"kept": "all re-annotated", "test": "re-annotated test images"}


def comparisons_table(comparisons: Sequence[ComparisonResult]) -> pd.DataFrame:
    """A row a comparison and seed: differences with paired intervals, McNemar's exact test, and n.

    Args:
        comparisons: in the order of the rows; without any there is one row that says so.
    """
    rows = [_difference(one, found) for one in comparisons for found in one.found["by_seed"]]
    if not rows:
        rows = [{"a": "none", "b": "none", "reason": "this run has no two experiments that config compares"}]
    return pd.DataFrame(rows)


def _difference(one: ComparisonResult, found: Mapping[str, Any]) -> dict[str, Any]:
    row: dict[str, Any] = dict(zip(("a", "b"), one.names, strict=True))
    row |= {"protocol": one.protocol, "seed": found["seed"], "n": found["n"]}
    for metric in METRICS:
        row |= interval(found[metric], "value", f"{metric}_a_less_b", 4)
    test = found["mcnemar"]
    row |= {"right_only_in_a": test["only_a"], "right_only_in_b": test["only_b"]}
    why = why_lacking(row, NO_REASON if found["n"] else _NO_IMAGE)
    return row | {"mcnemar_p": probability(test["p"]), "reason": why}


def seeds_table(experiments: Sequence[ClassifierResult]) -> pd.DataFrame:
    """A row an experiment: mean and standard deviation of each metric over the seeds that it was trained with.

    Args:
        experiments: trainings with all seeds, those of one experiment together.

    Raises:
        InputError: a seed stands there twice.
    """
    rows = []
    for name, trainings in groupby(experiments, key=lambda one: one.name):
        found = over_seeds([one.metrics for one in trainings])
        row: dict[str, Any] = {"experiment": name, "protocol": found["protocol"], "n": found["n"]}
        row |= {"seeds": ", ".join(map(str, found["seeds"])), "n_seeds": len(found["seeds"])}
        for metric in HEADLINE:
            spread = found["metrics"][metric]
            row |= {f"mean_{metric}": number(spread["mean"], 4), f"sd_{metric}": number(spread["std"], 4)}
        reason = NO_REASON if row["n_seeds"] > 1 else _ONE_SEED
        rows.append(row | {"reason": reason if found["n"] else _NO_IMAGE})
    return pd.DataFrame(rows)


def expert_agreement_table(expert_agreements: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """How often experts agree with each other and with the label, and each model with all of them.

    Args:
        expert_agreements: experiment -> what `classify.yardstick` wrote; agreement among experts does not depend on it and
            stands there once for each kind of images.
    """
    rows: list[dict[str, Any]] = []
    for name, found in expert_agreements.items():
        rows += [_agreement(name, row) for row in found["rows"]]
    rows.sort(key=lambda row: row["by"] != "experts")  # in their order otherwise
    return pd.DataFrame(rows).drop_duplicates(ignore_index=True)


def _agreement(name: str, row: Mapping[str, Any]) -> dict[str, Any]:
    model = row["of"] == "model"
    cells = {"by": "a model" if model else "experts", "of": name if model else _WHO[row["of"]]}
    cells |= {"against": _WHO[row["against"]], "in": _LEVEL[row["level"]], "images": _IMAGES[row["images"]]}
    cells |= {"n": row["n"], "agree": row["agree"], "undecided": row["undecided"]}
    cells |= interval(row, "value", "share_that_agrees", 3)
    return cells | {"reason": NO_REASON if row["n"] else "no such image was annotated again"}
