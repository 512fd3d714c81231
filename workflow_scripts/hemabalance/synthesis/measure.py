"""Measure one generator: on its draws, ungated, against real test images, and along its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import Protocol
from hemabalance.dataset.tables import write_table
from hemabalance.files import write_json
from hemabalance.synthesis.along import agreement_along
from hemabalance.synthesis.copies import Copies
from hemabalance.synthesis.data import TESTED, few_of_each, part_rows, real_images, training_rows
from hemabalance.synthesis.evaluate import EvaluationSettings, evaluate
from hemabalance.synthesis.gate import GateSettings
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.make import read_features
from hemabalance.synthesis.memorisation import memorisation


@dataclass(frozen=True)
class Draws:
    """What a generator made.

    Attributes:
        images: every draw (`draw.write_drawn`).
        features: file of their Inception features (`make.read_features`).
        snapshots: images along its training.
    """

    images: ImageSet
    features: Path
    snapshots: ImageSet

    def first(self, most: int, *, threads: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Rows, images and features of the first `most` draws of each class, whatever the gate said of them."""
        places = self.images.index.groupby("label").head(most).index.to_numpy()
        pixels = self.images.decode_all(threads=threads, where=places)
        return self.images.index.iloc[places].reset_index(drop=True), pixels, read_features(self.features)[places]


def measure_generator(
    draws: Draws,
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    judges: Judges,
    gating: GateSettings,
    settings: EvaluationSettings,
    *,
    metrics: Path,
    neighbours: Path,
    seed: int,
    threads: int,
) -> None:
    """Measure everything of one generator, and write it.

    Args:
        draws: what it made.
        held: the normalised real images of both sources.
        split: of the protocol.
        protocol: decides which real images are test images; none are under `thesis`.
        judges: what to measure with.
        gating: what the gate calls a copy.
        settings: on how much.
        metrics: JSON to write: the tables of `evaluate`, `memorisation` and `agreement_along`, and `protocol`.
        neighbours: Parquet to write: the pairs of `memorisation`, with the id of each image in `image_id`.
        seed: of draws and intervals.
        threads: decoders at once.
    """
    rows, pixels, features = draws.first(settings.max_images, threads=threads)
    labels = rows["label"].to_numpy(dtype=str)
    classes, size = sorted(set(labels.tolist())), pixels.shape[1]
    made = _by_class(pixels, labels, classes)
    known = training_rows(split, protocol, classes)
    unseen = few_of_each(part_rows(split, TESTED[protocol], classes), settings.max_images)
    train = real_images(held, known, size, threads=threads)
    test = real_images(held, unseen, size, threads=threads)
    tables = evaluate(made, _by_class(features, labels, classes), train, test, judges, settings, seed=seed)
    copies = Copies(
        train, known["image_id"].to_numpy(dtype=str), judges.perceptual, quantile=gating.copy_quantile,
        most=gating.references, seed=seed,
    )  # fmt: skip
    found, pairs = memorisation(made, test, copies, most=settings.max_images, seed=seed)
    along = agreement_along(draws.snapshots, judges.classifier, threads=threads)
    ids = {label: rows.loc[labels == label, "image_id"].to_numpy() for label in classes}
    names = [
        ids[row.label][row.image] if row.kind == "generated" else unseen["image_id"].iloc[row.image]
        for row in pairs.itertuples()
    ]
    write_table(pairs.assign(image_id=pd.array(names, dtype="str")), neighbours)
    write_json({"protocol": protocol, **tables, "memorisation": found, "agreement_along": along}, metrics)


def _by_class(values: np.ndarray, labels: np.ndarray, classes: list[str]) -> Mapping[str, np.ndarray]:
    return {label: values[labels == label] for label in classes}
