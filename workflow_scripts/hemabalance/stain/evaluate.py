"""Evaluation of one normaliser: all metrics in one JSON object."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.pairs import read_pairs
from hemabalance.dataset.splits import HELD_BACK
from hemabalance.metrics.inception_score import inception_score
from hemabalance.protocols import Protocol, rules_of
from hemabalance.stain.audit import audit
from hemabalance.stain.data import PairImages, evaluation_rows
from hemabalance.stain.direction import Direction, shared_classes, why_no_shared_labels
from hemabalance.stain.method import NormalizerTraits
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer
from hemabalance.stain.quality import fidelity, reconstruction, structure
from hemabalance.stain.real_features import FeatureExtractor, inception_features, read_real_features
from hemabalance.stain.truth import truth
from hemabalance.stain.usefulness import usefulness
from hemabalance.stain.views import Views, map_images
from hemabalance.training.classifier import Classifier
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class NormalizerEvaluation:
    """Settings of the evaluation of normalisers.

    Attributes:
        protocol: determines the held-back images.
        directions: the directions that the audit compares.
        classes: the classes that the direction `per_class` maps; None: all that both sources have.
        max_images, kid_subset, folds: see `evaluation` of the config section `stain`.
        seed: of folds and intervals.
        threads: number of decoders.
    """

    protocol: Protocol
    directions: tuple[Direction, ...]
    classes: tuple[str, ...] | None
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
        classifiers: augmentation in training -> classifier trained on source A; empty if a source has no labels.
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
    pairs: Mapping[Domain, ImageSet],
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
    images: PairImages,
    split: pd.DataFrame,
    judges: NormalizerJudges,
    settings: NormalizerEvaluation,
) -> dict[str, Any]:
    """Evaluate a fitted normaliser on held-back images, or on all images if the protocol holds none back.

    Args:
        traits: of its method; if it changes no image, only the values before normalisation are computed.
        normalizer: fitted.
        images: the prepared images of the pair.
        split: of the protocol.
        judges: networks and reference data.
        settings: of the evaluation.

    Returns:
        JSON values: `pair`, `no_labels` (why classes cannot be compared, or None), `protocol`, `held_back`, `n` by
        domain, `passed_through` by domain, and the tables `fidelity`, `reconstruction`, `structure`, `inception_score`,
        `audit`, `usefulness`, `truth` as their functions return them.
    """
    pair = images.pair
    rows = evaluation_rows(split, pair, settings.protocol, max_images=settings.max_images)
    changes = traits.changes_images
    invertible = changes and traits.invertible
    views = map_images(images, rows, normalizer, invertible=invertible, threads=settings.threads)
    _extract_features(views, judges, changes=changes)
    seed = settings.seed
    directions = ("none", *_directions(split, images, settings)) if changes else ("none",)
    return {
        "pair": dict(pair),
        "no_labels": why_no_shared_labels(split, pair),
        "protocol": settings.protocol,
        "held_back": bool(rows["held_back"].all()),
        "n": {domain: len(views.by_domain[domain].real) for domain in DOMAINS},
        "passed_through": {domain: views.by_domain[domain].passed_through for domain in DOMAINS},
        "fidelity": fidelity(views, kid_subset=settings.kid_subset, seed=seed),
        "reconstruction": reconstruction(views, seed=seed),
        "structure": structure(views, seed=seed) if changes else [],
        "inception_score": asdict(inception_score(None)),
        "audit": audit(views, split, directions, classes=settings.classes, folds=settings.folds, seed=seed),
        "usefulness": _usefulness(normalizer, images, split, judges, settings),
        "truth": truth(judges.photographs, judges.renderings, normalizer, seed=seed) if judges.photographs else [],
    }


def _directions(split: pd.DataFrame, images: PairImages, settings: NormalizerEvaluation) -> tuple[Direction, ...]:
    """The directions of the audit: `per_class` only with classes that both sources have."""
    classes = shared_classes(split, images.pair)
    return tuple(name for name in settings.directions if classes or name != "per_class")


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
    images: PairImages,
    split: pd.DataFrame,
    judges: NormalizerJudges,
    settings: NormalizerEvaluation,
) -> list[dict[str, Any]]:
    """`usefulness` on all images of source B in the classes of the classifiers, held back or not.

    Empty without classes that both sources have.
    """
    if why_no_shared_labels(split, images.pair):
        return []
    classes = next(iter(judges.classifiers.values())).classes
    table = split[(split["source"] == images.pair["b"]) & split["label"].isin(classes)].sort_values("image_id")
    table = table.assign(held_back=table["part"].isin(HELD_BACK[rules_of(settings.protocol)]))
    view_b = map_images(images, table, normalizer, invertible=False, threads=settings.threads).by_domain["b"]
    return usefulness(view_b.real, view_b.mapped, view_b.rows, judges.classifiers, seed=settings.seed)
