"""Measure one generator: on its draws, ungated, against real test images, and along its training."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.tables import write_table
from hemabalance.files import write_json
from hemabalance.protocols import Protocol
from hemabalance.synthesis.agreement_by_step import agreement_by_step
from hemabalance.synthesis.data import real_images, training_rows
from hemabalance.synthesis.evaluate import EvaluationSet, EvaluationSettings, evaluate
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.memorisation import memorisation
from hemabalance.synthesis.real_image_features import KINDS, RealImageFeatures, read_features
from hemabalance.synthesis.real_image_measurement import copy_detector


@dataclass(frozen=True)
class GeneratorOutput:
    """What a generator made.

    Attributes:
        images: every draw (`draw.write_gated_samples`).
        features: file of their Inception features (`reals.read_features`).
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
    draws: GeneratorOutput,
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    real: RealImageFeatures,
    judges: Judges,
    settings: EvaluationSettings,
    *,
    metrics: Path,
    neighbours: Path,
    copy_quantile: float,
    seed: int,
    threads: int,
) -> None:
    """Measure everything of one generator, and write it.

    Args:
        draws: what it made.
        held: the normalised real images of both sources.
        split: of the protocol.
        protocol: decides which real images are test images; none are under `thesis`.
        real: what the judges saw in real images.
        judges: what to measure with.
        settings: on how much.
        metrics: JSON to write: the tables of `evaluate`, `memorisation` and `agreement_by_step`, and `protocol`.
        neighbours: Parquet to write: the pairs of `memorisation`, with the id of each image in `image_id`.
        copy_quantile: what the gate calls a copy, see `copies.thresholds`.
        seed: of draws and intervals.
        threads: decoders at once.
    """
    most = settings.max_images
    rows, pixels, features = draws.first(most, threads=threads)
    labels = rows["label"].to_numpy(dtype=str)
    classes, size = sorted(set(labels.tolist())), pixels.shape[1]
    made = EvaluationSet(_by_class(pixels, labels, classes), _by_class(features, labels, classes))
    learned = real_images(held, training_rows(split, protocol, classes), size, threads=threads)
    tested = {label: real.tested(label, most) for label in classes}
    unseen = pd.DataFrame(
        [(image, label) for label in classes for image in tested[label]], columns=["image_id", "label"]
    )
    test = real_images(held, unseen, size, threads=threads)
    train_side, test_side = (
        EvaluationSet(
            _by_class(images.pixels, images.labels, classes),
            {label: real.measured(label, kind, most) for label in classes},
        )
        for images, kind in zip((learned, test), KINDS, strict=True)
    )
    tables = evaluate(made, train_side, test_side, judges, settings, seed=seed)
    copies = copy_detector(
        held, split, protocol, real, classes, size, judges.perceptual, quantile=copy_quantile, threads=threads
    )
    found, pairs = memorisation(made.pixels, test, copies, most=settings.max_images, seed=seed)
    along = agreement_by_step(draws.snapshots, judges.classifier, threads=threads)
    ids = {label: rows.loc[labels == label, "image_id"].to_numpy() for label in classes}
    names = [
        ids[row.label][row.image] if row.kind == "generated" else unseen["image_id"].iloc[row.image]
        for row in pairs.itertuples()
    ]
    write_table(pairs.assign(image_id=pd.array(names, dtype="str")), neighbours)
    write_json({"protocol": protocol, **tables, "memorisation": found, "agreement_by_step": along}, metrics)


def _by_class(values: np.ndarray, labels: np.ndarray, classes: list[str]) -> Mapping[str, np.ndarray]:
    return {label: values[labels == label] for label in classes}
