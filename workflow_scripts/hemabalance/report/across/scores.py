"""Tables of the scores of each row, of differences between rows, and of the recall of each class."""

from collections.abc import Iterable
from typing import Any

import numpy as np

from hemabalance.report.across.predictions import ALL, OTHER_HALF, OWN, UNSEEN
from hemabalance.report.across.results import ACCURACY, BALANCED, AcrossResults, RowResult
from hemabalance.report.across.runs import AcrossArms
from hemabalance.report.cells import NO_REASON, interval_cells, number
from hemabalance.report.verdict import verdict

WITHOUT_LABELS, NOT_USED = "yes, without labels", "no"
"""Cell text: whether a row uses images of the other sources."""

PART_TEXT = {UNSEEN: "the half that no fit saw", ALL: "all"}
"""Cell text of the parts of the other sources' images on which rows are compared."""


def scores(results: AcrossResults) -> list[dict[str, Any]]:
    """Rows of the accuracy and balanced accuracy of each row, means over seeds, and of what the row is.

    The column `trained_also_on` is there if a row was trained on images of other sources under predicted labels.
    """
    rows = [_score_row(result, results.arms) for result in results.rows.values()]
    if any(result.pseudo_labels for result in results.rows.values()):
        for row, result in zip(rows, results.rows.values(), strict=True):
            row["trained_also_on"] = _trained_also_on(result, results.arms)
    return rows


def _score_row(result: RowResult, arms: AcrossArms) -> dict[str, Any]:
    row: dict[str, Any] = {
        "row": result.row,
        "role": role_of(result.row, arms),
        "uses_other_images": WITHOUT_LABELS if arms.uses_other_images(result.row) else NOT_USED,
        "seeds": len(result.seeds),
    }
    for part in (UNSEEN, OTHER_HALF, ALL, OWN):
        row |= interval_cells(result.estimate(part)._asdict(), "value", f"{ACCURACY}_{part}", 3)
        row |= {f"n_{part}": result.numbers[part]}
    row |= interval_cells(result.estimate(ALL, BALANCED)._asdict(), "value", f"{BALANCED}_{ALL}", 3)
    spread = NO_REASON if result.spread is None else number(result.spread, 3)
    row |= {f"{ACCURACY}_{ALL}_sd_between_seeds": spread, "intervals_over": _over(result.seeds)}
    row |= {"training_images": result.images, "training_seconds": number(result.seconds, 1)}
    return row | _description(result.row, arms)


def _trained_also_on(result: RowResult, arms: AcrossArms) -> str:
    """The images with predicted labels; over several seeds, the least and the largest number of them."""
    if not result.pseudo_labels:
        return NO_REASON
    least, most = min(result.pseudo_labels), max(result.pseudo_labels)
    numbers = f"{most:,}" if least == most else f"{least:,} to {most:,}"
    teacher = arms.descriptions[result.row].pseudo_labels
    return f"{numbers} images of other sources under predicted labels (of {teacher})"


def _description(row: str, arms: AcrossArms) -> dict[str, str]:
    entry = arms.descriptions[row]
    if entry.members:
        columns = ("model", "normalizer", "poses", "zooms", "statistics")
        return dict.fromkeys(columns, NO_REASON) | {"members": ", ".join(entry.members)}
    return {
        "model": entry.model,
        "normalizer": entry.normalizer or NO_REASON,
        "poses": "yes" if entry.poses else "no",
        "zooms": ", ".join(f"{zoom:g}" for zoom in entry.zooms),
        "statistics": entry.statistics,
        "members": NO_REASON,
    }


def role_of(row: str, arms: AcrossArms) -> str:
    """What a row stands for, joined by commas; `NO_REASON` for one that is only compared."""
    return ", ".join(role for role, name in arms.named.items() if name == row) or NO_REASON


def differences(results: AcrossResults) -> list[dict[str, Any]]:
    """Rows of each row less the baseline, and less the leading row, in accuracy on `PART_TEXT`; each pair once.

    The column `reading` is `report.verdict.verdict`.
    """
    return [_difference_row(a, b, part) for a, b in _pairs(results) for part in PART_TEXT]


def _pairs(results: AcrossResults) -> Iterable[tuple[RowResult, RowResult]]:
    arms = results.arms
    for other in dict.fromkeys((arms.baseline, arms.leading)):
        for row in results.rows:
            # The leading row less the baseline is there already.
            if row != other and (row, other) != (arms.baseline, arms.leading):
                yield results.rows[row], results.rows[other]


def _difference_row(a: RowResult, b: RowResult, part: str) -> dict[str, Any]:
    difference = a.less(b, part)
    return (
        {"row": a.row, "less": b.row, "images": PART_TEXT[part], "n": a.numbers[part]}
        | interval_cells(difference._asdict(), "value", "accuracy_difference", 3)
        | {"reading": verdict(difference), "seeds": len(a.seeds), "seeds_of_other": len(b.seeds)}
        | {"intervals_over": _over(a.seeds, b.seeds)}
    )


def _over(*seeds: tuple[int, ...]) -> str:
    """What the intervals of a row account for."""
    if max(map(len, seeds)) < 2:
        return "images"
    return "seeds, images" if len(set(seeds)) == 1 else "seeds (not in pairs), images"


def classes(results: AcrossResults) -> list[dict[str, Any]]:
    """Rows of the recall of each class on all images of other sources, means over seeds."""
    rows = []
    for result in results.rows.values():
        mean, places = np.mean(result.counts, axis=0), 1 if len(result.seeds) > 1 else 0
        for code, label in enumerate(results.test.classes):
            n, correct = round(float(mean[code].sum())), float(mean[code, code])
            if n:
                cells = {"recall": number(correct / n, 3), "correct": number(correct, places), "n": n}
                rows.append({"row": result.row, "class": label} | cells | {"seeds": len(result.seeds)})
    return rows
