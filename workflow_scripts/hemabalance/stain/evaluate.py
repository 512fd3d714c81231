"""Evaluation of one normaliser: all metrics in one JSON object."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.dataset.pairs import read_pairs
from hemabalance.dataset.splits import HELD_BACK
from hemabalance.metrics.inception_score import inception_score
from hemabalance.protocols import Protocol
from hemabalance.stain.audit import audit
from hemabalance.stain.data import DomainImageSets, evaluation_rows
from hemabalance.stain.direction import DIRECTIONS, Direction
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer
from hemabalance.stain.quality import fidelity, reconstruction, structure
from hemabalance.stain.real_features import FeatureExtractor, inception_features, read_real_features
from hemabalance.stain.truth import truth
from hemabalance.stain.usefulness import usefulness
from hemabalance.stain.views import Views, map_images
from hemabalance.taxonomy import SOURCE_OF
from hemabalance.training.classifier import Classifier
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class NormalizerEvaluation:
    """Settings of the evaluation of normalisers.

    Attributes:
        protocol: determines the held-back images.
        classes: the classes that the direction `per_class` maps.
        max_images, kid_subset, folds: see `evaluation` of the config section `stain`.
        seed: of folds and intervals.
        threads: number of decoders.
    """

    protocol: Protocol
    classes: tuple[str, ...]
    max_images: int
    kid_subset: int
    folds: int
    seed: int
    threads: int


@dataclass(frozen=True)
class NormalizerJudges:
    """Networks and reference data for the evaluation of normalisers.

    Attributes:
        extract: computes the Inception features of images.
        real: Inception features of the unmapped evaluation images by domain (`real_features`), float32 (n, 2048).
        classifiers: augmentation in training -> classifier trained on source A.
        photographs, renderings: held-back pairs (see `truth.truth`); empty if the sources are not rendered.
    """

    extract: FeatureExtractor
    real: Mapping[Domain, np.ndarray]
    classifiers: dict[str, Classifier]
    photographs: dict[Domain, np.ndarray]
    renderings: dict[Domain, np.ndarray]


def open_normalizer_judges(
    inception: Path,
    real: Path,
    classifiers: Mapping[str, Path],
    pairs: DomainImageSets,
    *,
    runtime: Runtime,
    threads: int,
) -> NormalizerJudges:
    """Load the networks and reference data for the evaluation of normalisers.

    Args:
        inception: weights that `metrics.inception_weights.WEIGHTS.fetch` wrote.
        real: features that `real_features.write_real_features` wrote.
        classifiers: augmentation -> weights.
        pairs: rendered pairs by stain; empty if the sources are real photographs.
        runtime: of the networks.
        threads: number of decoders.
    """
    return NormalizerJudges(
        inception_features(inception, runtime),
        read_real_features(real),
        {name: Classifier(path, runtime.device) for name, path in classifiers.items()},
        {domain: read_pairs(image_set, "test", "photograph", threads=threads) for domain, image_set in pairs.items()},
        {domain: read_pairs(image_set, "test", "truth", threads=threads) for domain, image_set in pairs.items()},
    )


def evaluate(
    traits: NormalizerTraits,
    normalizer: Normalizer,
    sets: DomainImageSets,
    split: pd.DataFrame,
    judges: NormalizerJudges,
    settings: NormalizerEvaluation,
) -> dict[str, Any]:
    """Evaluate a fitted normaliser on held-back images, or on all images if the protocol holds none back.

    Args:
        traits: of its method; if it changes no image, only the values before normalisation are computed.
        normalizer: fitted.
        sets: the prepared images of both sources.
        split: of the protocol.
        judges: networks and reference data.
        settings: of the evaluation.

    Returns:
        JSON values: `protocol`, `held_back`, `n` by domain, `passed_through` by domain, and the tables `fidelity`,
        `reconstruction`, `structure`, `inception_score`, `audit`, `usefulness`, `truth` as their functions return them.
    """
    rows = evaluation_rows(split, settings.protocol, max_images=settings.max_images)
    changes = traits.changes_images
    invertible = changes and traits.invertible
    views = map_images(sets, rows, normalizer, invertible=invertible, threads=settings.threads)
    _extract_features(views, judges, changes=changes)
    seed = settings.seed
    directions: tuple[Direction, ...] = ("none", *DIRECTIONS) if changes else ("none",)
    return {
        "protocol": settings.protocol,
        "held_back": bool(rows["held_back"].all()),
        "n": {domain: len(views.by_domain[domain].real) for domain in DOMAINS},
        "passed_through": {domain: views.by_domain[domain].passed_through for domain in DOMAINS},
        "fidelity": fidelity(views, kid_subset=settings.kid_subset, seed=seed),
        "reconstruction": reconstruction(views, seed=seed),
        "structure": structure(views, seed=seed) if changes else [],
        "inception_score": asdict(inception_score(None)),
        "audit": audit(views, split, directions, classes=settings.classes, folds=settings.folds, seed=seed),
        "usefulness": _usefulness(normalizer, sets, split, judges, settings),
        "truth": truth(judges.photographs, judges.renderings, normalizer, seed=seed) if judges.photographs else [],
    }


def _extract_features(views: Views, judges: NormalizerJudges, *, changes: bool) -> None:
    for domain in DOMAINS:
        view = views.by_domain[domain]
        views.features["real", domain] = judges.real[domain]
        # Unchanged images have the features of the real ones.
        views.features["mapped", domain] = judges.extract(view.mapped) if changes else judges.real[domain]
        if view.reconstructed is not None:
            views.features["reconstructed", domain] = judges.extract(view.reconstructed)


def _usefulness(
    normalizer: Normalizer,
    sets: DomainImageSets,
    split: pd.DataFrame,
    judges: NormalizerJudges,
    settings: NormalizerEvaluation,
) -> list[dict[str, Any]]:
    """`usefulness` on all images of source B in the classes of the classifiers, held back or not."""
    classes = next(iter(judges.classifiers.values())).classes
    table = split[(split["source"] == SOURCE_OF["b"]) & split["label"].isin(classes)].sort_values("image_id")
    table = table.assign(held_back=table["part"].isin(HELD_BACK[settings.protocol]))
    view_b = map_images(sets, table, normalizer, invertible=False, threads=settings.threads).by_domain["b"]
    return usefulness(view_b.real, view_b.mapped, view_b.rows, judges.classifiers, seed=settings.seed)
