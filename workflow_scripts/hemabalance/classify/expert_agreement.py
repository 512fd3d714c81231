"""Agreement of experts with each other and with the label, and of the model with them: an upper bound for scores.

Of some sources a part of the images was annotated again by further experts, such as the 1,905 images that Matek et al.
(2019) annotated twice more. Where several labels of a source become one class, agreement is given twice: by the labels
as found and by the classes.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.classes import UNDECIDED
from hemabalance.dataset.tables import read_table
from hemabalance.files import write_json
from hemabalance.metrics.intervals import wilson

LABEL, MODEL = "label", "model"


@dataclass(frozen=True)
class ExpertLabels:
    """Labels of the kept images of a source of which an expert annotated some.

    Attributes:
        classes: `image_id`; `label`; `expert_1`, `expert_2`, ...: classes, `undecided`, or missing.
        found: the same columns and rows, with labels as found in place of classes; None if each label is a class of its
            own.
        experts: number of experts.
    """

    classes: pd.DataFrame
    found: pd.DataFrame | None
    experts: int

    @property
    def names(self) -> list[str]:
        """The columns of the experts."""
        return expert_columns(self.experts)


def expert_columns(experts: int) -> list[str]:
    """Names of the columns of so many experts."""
    return [f"expert_{number}" for number in range(1, experts + 1)]


def expert_labels(manifest: pd.DataFrame, experts: int, inventory: pd.DataFrame | None) -> ExpertLabels:
    """The labels by experts of one source.

    Args:
        manifest: `image_id, status, label, label_raw, expert_1, ...` of its images; kept images that an expert
            annotated are used. Values of the experts' columns are classes, `undecided`, or missing.
        experts: number of experts.
        inventory: `image_id` and the experts' labels as found, if labels as found are to be compared too.
    """
    names = expert_columns(experts)
    kept = manifest[manifest["status"] == "kept"]
    table = kept.set_index("image_id", drop=False)[["image_id", LABEL, "label_raw", *names]].astype(object)
    if inventory is None:
        annotated = table[names].notna().any(axis=1)
        return ExpertLabels(table.loc[annotated], None, experts)
    found = inventory.set_index("image_id").reindex(index=table.index, columns=names).astype(object)
    found = found.where(table[names] != UNDECIDED, UNDECIDED)
    annotated = found.notna().any(axis=1)
    found = found.assign(image_id=table["image_id"], label=table["label_raw"])
    return ExpertLabels(table.loc[annotated], found.loc[annotated], experts)


def expert_agreement(labels: ExpertLabels, predictions: pd.DataFrame) -> list[dict[str, Any]]:
    """Agreement between label, experts and model on the images of one source.

    Args:
        labels: the experts' labels.
        predictions: predictions of the test images (`predictions.SCHEMA`).

    Returns:
        Rows `of, against` (`label, expert_1, ..., model`), `level` (`fine`: labels as found; `final`: classes, the only
        level of the model), `images` (`kept`: all images that an expert annotated; `test`: the test images among
        them), `n` (images with both labels), `agree` (both give the same class), `undecided` (at least one is
        undecided, which counts as disagreement), `both_undecided`, and `value, low, high`: the share that agrees with
        its score interval (Wilson 1927), None without images.
    """
    model = predictions.set_index("image_id")["predicted"].reindex(labels.classes["image_id"]).to_numpy(object)
    tested = pd.notna(model)
    rows = []
    for subject, against in _pairs(labels.names):
        for level, table in (("fine", labels.found), ("final", labels.classes)):
            if table is None:
                continue
            left, right = table[subject].to_numpy(object), table[against].to_numpy(object)
            for images, selected in (("kept", np.ones(len(table), bool)), ("test", tested)):
                rows.append(_row(subject, against, level, images, left[selected], right[selected]))
    for against in (LABEL, *labels.names):
        right = labels.classes[against].to_numpy(object)
        rows.append(_row(MODEL, against, "final", "test", model[tested], right[tested]))
    return rows


def write_expert_agreement(labels: Mapping[str, ExpertLabels], predictions: pd.DataFrame, out: Path) -> None:
    """Write the agreement as JSON: source -> rows (`expert_agreement`), for the sources with labels by experts.

    Raises:
        InputError: the disk is full.
    """
    write_json({source: expert_agreement(of_source, predictions) for source, of_source in labels.items()}, out)


def read_expert_labels(manifest: Path, experts: int, inventory: Path | None) -> ExpertLabels:
    """`expert_labels` from the files of a source.

    Raises:
        InputError: a file cannot be read or lacks a column that is needed, such as that of an expert.
    """
    identity = {"image_id": pa.Column(str, unique=True)}
    names = {name: pa.Column(str, nullable=True) for name in expert_columns(experts)}
    labels = {"status": pa.Column(str), LABEL: pa.Column(str, nullable=True), "label_raw": pa.Column(str)}
    found = None if inventory is None else read_table(inventory, pa.DataFrameSchema(identity | names))
    return expert_labels(read_table(manifest, pa.DataFrameSchema(identity | labels | names)), experts, found)


def _pairs(experts: list[str]) -> Iterator[tuple[str, str]]:
    """Each expert with the label, then each expert with every earlier one."""
    yield from ((name, LABEL) for name in experts)
    yield from ((later, earlier) for earlier, later in combinations(experts, 2))


def _row(subject: str, against: str, level: str, images: str, left: np.ndarray, right: np.ndarray) -> dict[str, Any]:
    both = pd.notna(left) & pd.notna(right)
    left, right = left[both], right[both]
    left_undecided, right_undecided = left == UNDECIDED, right == UNDECIDED
    agree = int(((left == right) & ~left_undecided).sum())
    head = {"of": subject, "against": against, "level": level, "images": images, "n": len(left), "agree": agree}
    undecided = {
        "undecided": int((left_undecided | right_undecided).sum()),
        "both_undecided": int((left_undecided & right_undecided).sum()),
    }
    return head | undecided | wilson(agree, len(left))._asdict()
