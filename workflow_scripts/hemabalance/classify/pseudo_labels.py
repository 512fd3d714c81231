"""The balanced set of a model that is also trained on images of other laboratories, under predicted labels.

Pseudo-labels (Lee 2013, "Pseudo-Label: The Simple and Efficient Semi-Supervised Learning Method for Deep Neural
Networks", ICML workshop on challenges in representation learning): the class that a trained model, the teacher,
predicts for an image without label is taken as its label where the model is confident. The labels that the images have
are taken off first: nothing here depends on them.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.balance.audit import AuditSettings, write_audit
from hemabalance.balance.balanced_set import REAL, BalanceSettings, balance, write_balanced
from hemabalance.balance.leaks import AuditInputs
from hemabalance.classes import UNLABELLED
from hemabalance.classify.across import AcrossSettings, model_for, predict_images
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import SeenImages
from hemabalance.dataset.splits import UNLABELLED_HALF
from hemabalance.files import write_json
from hemabalance.protocols import across_protocol
from hemabalance.training.device import Runtime

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Labeller:
    """The model that labels images.

    Attributes:
        name: of the row of `across` and its seed, for messages and the provenance of images.
        weights: of the model, which was trained on the labelled source.
        settings: how it predicts images.
        runtime: device and precision.
    """

    name: str
    weights: Path
    settings: AcrossSettings
    runtime: Runtime


@dataclass(frozen=True)
class PseudoLabelInputs:
    """The data of the set.

    Attributes:
        images: images of all sources, as the normaliser of the teacher's row returned them.
        split: of a protocol across sources (`dataset.across`).
        manifest: manifest of all sources.
        seen: the real images that fits of the normaliser used.
    """

    images: ImageSet
    split: pd.DataFrame
    manifest: pd.DataFrame
    seen: Sequence[SeenImages]


@dataclass(frozen=True)
class PseudoLabelSettings:
    """Which predictions become labels, and how the set is made.

    Attributes:
        confidence: least probability of the predicted class with which an image gets it as label.
        classes: all classes of the run in alphabetical order; images with other labels are left out.
        balance, audit: as for balanced sets of recipes.
    """

    confidence: float
    classes: tuple[str, ...]
    balance: BalanceSettings
    audit: AuditSettings


def write_pseudo_labelled(
    teacher: Labeller,
    inputs: PseudoLabelInputs,
    settings: PseudoLabelSettings,
    *,
    table: Path,
    audit: Path,
    accepted: Path,
    seed: int,
    threads: int,
) -> None:
    """Write the balanced set of the labelled source, with images of other sources under predicted labels.

    Args:
        teacher: labels images of the unlabelled half of the other sources.
        inputs, settings: the data, and how the set is made.
        table: Parquet to write (`balanced_set.SCHEMA`); the images with predicted labels are of its part `train`.
        audit: JSON to write (`balance.audit.write_audit`); a set that fails the audit is not written.
        accepted: JSON to write: `teacher`, `confidence`; `predicted` and `accepted`, numbers of images predicted and
            added; `sources` and `classes`, added images by source and by predicted class.
        seed: seed of the audit's random numbers.
        threads: images that are decoded at once.

    Raises:
        InputError: as `across.predict_across` and `balance.audit.write_audit`.
    """
    protocol = across_protocol(teacher.settings.source)
    hidden = without_labels(inputs.split)
    predictions = _predictions(teacher, inputs.images, hidden, threads)
    chosen = predictions[predictions["confidence"] >= settings.confidence]
    split = _with_labels(hidden, chosen)
    split = split[split["label"].isin(settings.classes)].reset_index(drop=True)
    rows = balance(split, inputs.images.index, protocol, {}, {}, settings.balance, seed=seed)
    rows = _with_provenance(rows, chosen, teacher.name)
    audit_inputs = AuditInputs(
        recipe=f"with labels predicted by {teacher.name}",
        protocol=protocol,
        rows=rows,
        # As it was before images became training images: the audit finds those that had another part.
        split=hidden,
        classes=settings.classes,
        manifest=inputs.manifest,
        seen_images=inputs.seen,
        teachers={},
        gated=False,
        sets={REAL: inputs.images},
    )
    write_audit(audit_inputs, {}, settings.balance.target_per_class, settings.audit, audit, seed=seed, threads=threads)
    write_balanced(rows, table)
    write_json(_numbers(teacher.name, settings.confidence, predictions, chosen), accepted)
    level = logging.INFO if len(chosen) else logging.WARNING
    log.log(level, "%d of %d images of other sources get the label that is predicted", len(chosen), len(predictions))


def without_labels(split: pd.DataFrame) -> pd.DataFrame:
    """The split without the labels of its unlabelled half."""
    return split.assign(label=split["label"].mask(split["part"] == UNLABELLED_HALF, UNLABELLED))


def _predictions(teacher: Labeller, images: ImageSet, split: pd.DataFrame, threads: int) -> pd.DataFrame:
    """Rows `image_id, source, predicted, confidence` of the unlabelled images whose sources are in the image set."""
    rows = split[(split["part"] == UNLABELLED_HALF) & split["source"].isin(set(images.index["source"]))]
    tables = []
    for source, members in rows.groupby("source"):
        model = model_for(
            str(source), split, teacher.weights, images, teacher.settings, teacher.runtime, threads=threads
        )
        probabilities = predict_images(members["image_id"], model, images, teacher.settings, threads=threads)
        predicted = np.array(model.classes, object)[probabilities.argmax(1)]
        tables.append(members[["image_id", "source"]].assign(predicted=predicted, confidence=probabilities.max(1)))
    empty = rows[["image_id", "source"]].assign(predicted="", confidence=0.0)
    return pd.concat(tables, ignore_index=True) if tables else empty


def _with_labels(split: pd.DataFrame, chosen: pd.DataFrame) -> pd.DataFrame:
    """The split in which the chosen images are training images under their predicted labels."""
    predicted = split["image_id"].map(chosen.set_index("image_id")["predicted"])
    is_chosen = predicted.notna()
    return split.assign(label=predicted.where(is_chosen, split["label"]), part=split["part"].mask(is_chosen, "train"))


def _with_provenance(rows: pd.DataFrame, chosen: pd.DataFrame, teacher: str) -> pd.DataFrame:
    """The set in which the provenance of images with predicted labels says so."""
    confidences = rows["image_id"].map(chosen.set_index("image_id")["confidence"])
    notes = [
        text
        if np.isnan(confidence)
        else json.dumps({**json.loads(text), "labelled_by": teacher, "confidence": round(confidence, 4)})
        for text, confidence in zip(rows["provenance"], confidences, strict=True)
    ]
    return rows.assign(provenance=pd.array(notes, dtype="str"))


def _numbers(teacher: str, confidence: float, predictions: pd.DataFrame, chosen: pd.DataFrame) -> Mapping[str, Any]:
    def counts(column: str) -> dict[str, int]:
        return {str(name): int(n) for name, n in chosen[column].value_counts().sort_index().items()}

    numbers = {"predicted": len(predictions), "accepted": len(chosen)}
    return {"teacher": teacher, "confidence": confidence, **numbers} | {
        "sources": counts("source"),
        "classes": counts("predicted"),
    }
