"""Evaluate one generator: its ungated samples against real test images, and its snapshots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.config.roles import RolesConfig, Serves
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.tables import write_table
from hemabalance.files import write_json
from hemabalance.synthesis.agreement_by_step import agreement_by_step
from hemabalance.synthesis.data import RealImageSource, roles_of
from hemabalance.synthesis.evaluate import EvaluationSet, EvaluationSettings, evaluate
from hemabalance.synthesis.judges import Judges
from hemabalance.synthesis.memorisation import memorisation, memorisation_over
from hemabalance.synthesis.real_image_features import KINDS, RealImageFeatures, read_features
from hemabalance.synthesis.real_image_measurement import copy_detector
from hemabalance.synthesis.roles import served

ROLES: tuple[Serves, ...] = ("rich", "rare")
"""Roles for which a generator of all classes is measured as well."""


@dataclass(frozen=True)
class GeneratorOutput:
    """Images that a generator left behind.

    Attributes:
        images: all samples (`rejection_sampling.write_gated_samples`).
        features: file with the Inception features of the samples (`real_image_features.read_features`).
        snapshots: images generated during training.
    """

    images: ImageSet
    features: Path
    snapshots: ImageSet

    def first(self, max_images: int, *, threads: int) -> tuple[pd.DataFrame, np.ndarray, np.ndarray]:
        """Rows, pixels and features of the first `max_images` samples of each class, accepted or refused."""
        places = self.images.index.groupby("label").head(max_images).index.to_numpy()
        pixels = self.images.decode_all(threads=threads, where=places)
        return self.images.index.iloc[places].reset_index(drop=True), pixels, read_features(self.features)[places]


@dataclass(frozen=True)
class RunClasses:
    """Classes of the run, and what decides for which roles a generator is measured besides all its classes.

    Attributes:
        names: all classes in alphabetical order.
        serves: role of the classes that the generator generates.
        roles: rules that make a class rich or rare, as in the training of the generator.
    """

    names: tuple[str, ...]
    serves: Serves
    roles: RolesConfig

    def by_role(self, split: pd.DataFrame, generated: Sequence[str]) -> dict[str, list[str]]:
        """Role -> its generated classes, without roles that have none; empty if the generator serves one role."""
        if self.serves != "all":
            return {}
        assigned = roles_of(split, self.names, self.roles)
        members = {role: [label for label in generated if label in served(assigned, role)] for role in ROLES}
        return {role: labels for role, labels in members.items() if labels}


@dataclass(frozen=True)
class GeneratorMeasurement:
    """Result of `measure_generator`.

    Attributes:
        metrics: JSON values: the tables of `evaluate`, `memorisation` and `agreement_by_step`, and `protocol`. Of a
            generator of all classes, `roles` of `evaluate` has the rows `all` of `memorisation` too.
        neighbours: pairs of `memorisation`, with the id of each image in `image_id`.
    """

    metrics: dict[str, Any]
    neighbours: pd.DataFrame

    def write(self, *, metrics: Path, neighbours: Path) -> None:
        """Write the metrics as JSON and the neighbours as Parquet."""
        write_table(self.neighbours, neighbours)
        write_json(self.metrics, metrics)


def measure_generator(
    output: GeneratorOutput,
    source: RealImageSource,
    real: RealImageFeatures,
    judges: Judges,
    settings: EvaluationSettings,
    *,
    run_classes: RunClasses,
    copy_quantile: float,
    seed: int,
) -> GeneratorMeasurement:
    """All measurements of one generator.

    Args:
        output: images of the generator.
        source: the real images; the test images follow from its protocol, the protocol `thesis` has none.
        real: features of the real images.
        judges: networks that measure the images.
        settings: numbers of images.
        run_classes: classes of the run, and the role that the generator serves.
        copy_quantile: quantile that defines a copy, see `copies.thresholds`.
        seed: seed of random selections and intervals.

    Raises:
        InputError: files are missing, damaged or belong to different runs.
    """
    max_images = settings.max_images
    rows, pixels, features = output.first(max_images, threads=source.threads)
    labels = rows["label"].to_numpy(dtype=str)
    classes, size = sorted(set(labels.tolist())), pixels.shape[1]
    generated = EvaluationSet(_by_class(pixels, labels, classes), _by_class(features, labels, classes))
    train = source.read(source.training_rows(classes), size)
    test_ids = {label: real.test_ids(label, max_images) for label in classes}
    test_rows = pd.DataFrame(
        [(image_id, label) for label in classes for image_id in test_ids[label]], columns=["image_id", "label"]
    )
    test = source.read(test_rows, size)
    train_set, test_set = (
        EvaluationSet(
            _by_class(images.pixels, images.labels, classes),
            {label: real.class_features(label, kind, max_images) for label in classes},
        )
        for images, kind in zip((train, test), KINDS, strict=True)
    )
    roles = run_classes.by_role(source.split, classes)
    tables = evaluate(generated, train_set, test_set, judges, settings, roles=roles, seed=seed)
    copies = copy_detector(source, real, classes, size, judges.perceptual, quantile=copy_quantile)
    copy_rows, pairs = memorisation(generated.pixels, test, copies, run_classes.names, max_images=max_images, seed=seed)
    for role, members in roles.items():
        tables["roles"][role]["memorisation"] = memorisation_over(pairs, members, copies)
    agreement = agreement_by_step(output.snapshots, judges.classifier, threads=source.threads)
    sample_ids = {label: rows.loc[labels == label, "image_id"].to_numpy() for label in classes}
    image_ids = [
        sample_ids[row.label][row.image] if row.kind == "generated" else test_rows["image_id"].iloc[row.image]
        for row in pairs.itertuples()
    ]
    metrics = {"protocol": source.protocol, **tables, "memorisation": copy_rows, "agreement_by_step": agreement}
    return GeneratorMeasurement(metrics, pairs.assign(image_id=pd.array(image_ids, dtype="str")))


def _by_class(values: np.ndarray, labels: np.ndarray, classes: list[str]) -> Mapping[str, np.ndarray]:
    return {label: values[labels == label] for label in classes}
