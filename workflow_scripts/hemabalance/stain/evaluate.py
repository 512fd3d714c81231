"""Everything that is measured of one normaliser, as one JSON object."""

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
from hemabalance.stain.views import Views, make_views
from hemabalance.taxonomy import SOURCE_OF
from hemabalance.training.classifier import Classifier
from hemabalance.training.device import Runtime


@dataclass(frozen=True)
class Evaluation:
    """On what to measure.

    Attributes:
        protocol: decides what is held back.
        classes: those that the direction `per_class` maps.
        max_images, kid_subset, folds: see `evaluation` of the config section `stain`.
        seed: of folds and intervals.
        threads: decoders at once.
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
    """What a normaliser is measured with.

    Attributes:
        extract: Inception features of images.
        real: by domain those of the untouched images to measure on (`real_features`), float32 (n, 2048).
        classifiers: augmentation in training -> classifier of source A.
        photographs, renderings: held-back pairs (see `truth.truth`); empty where the sources are not rendered.
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
    """Load what normalisers are measured with.

    Args:
        inception: weights that `metrics.inception_weights.WEIGHTS.fetch` wrote.
        real: features that `real_features.write_real_features` wrote.
        classifiers: augmentation -> weights.
        pairs: rendered pairs by look; empty where the sources are real photographs.
        runtime: where the networks run.
        threads: decoders at once.
    """
    return NormalizerJudges(
        inception_features(inception, runtime),
        read_real_features(real),
        {name: Classifier(path, runtime.device) for name, path in classifiers.items()},
        {look: read_pairs(held, "test", "photograph", threads=threads) for look, held in pairs.items()},
        {look: read_pairs(held, "test", "truth", threads=threads) for look, held in pairs.items()},
    )


def evaluate(
    traits: NormalizerTraits,
    normalizer: Normalizer,
    sets: DomainImageSets,
    split: pd.DataFrame,
    judges: NormalizerJudges,
    how: Evaluation,
) -> dict[str, Any]:
    """Measure a fitted normaliser on images that no training saw, as far as the protocol holds any back.

    Args:
        traits: of its method; of one that changes no image only the values before are wanted.
        normalizer: fitted.
        sets: the prepared images of both sources.
        split: of the protocol.
        judges: what to measure with.
        how: what to measure on.

    Returns:
        JSON values: `protocol`, `held_back`, `n` by domain, `passed_through` by domain, and the tables `fidelity`,
        `reconstruction`, `structure`, `inception_score`, `audit`, `usefulness`, `truth` as their functions give them.
    """
    rows = evaluation_rows(split, how.protocol, most=how.max_images)
    changes = traits.changes_images
    invertible = changes and traits.invertible
    views = make_views(sets, rows, normalizer, invertible=invertible, threads=how.threads)
    _extract_features(views, judges, changes=changes)
    seed = how.seed
    directions: tuple[Direction, ...] = ("none", *DIRECTIONS) if changes else ("none",)
    return {
        "protocol": how.protocol,
        "held_back": bool(rows["held_back"].all()),
        "n": {domain: len(views.of[domain].real) for domain in DOMAINS},
        "passed_through": {domain: views.of[domain].passed_through for domain in DOMAINS},
        "fidelity": fidelity(views, kid_subset=how.kid_subset, seed=seed),
        "reconstruction": reconstruction(views, seed=seed),
        "structure": structure(views, seed=seed) if changes else [],
        "inception_score": asdict(inception_score(None)),
        "audit": audit(views, split, directions, classes=how.classes, folds=how.folds, seed=seed),
        "usefulness": _usefulness(normalizer, sets, split, judges, how),
        "truth": truth(judges.photographs, judges.renderings, normalizer, seed=seed) if judges.photographs else [],
    }


def _extract_features(views: Views, judges: NormalizerJudges, *, changes: bool) -> None:
    for domain in DOMAINS:
        view = views.of[domain]
        views.features["real", domain] = judges.real[domain]
        # What nothing changed has the features it had.
        views.features["mapped", domain] = judges.extract(view.mapped) if changes else judges.real[domain]
        if view.reconstructed is not None:
            views.features["reconstructed", domain] = judges.extract(view.reconstructed)


def _usefulness(
    normalizer: Normalizer, sets: DomainImageSets, split: pd.DataFrame, judges: NormalizerJudges, how: Evaluation
) -> list[dict[str, Any]]:
    """All images of source B in the classes that the classifiers know, held back or not."""
    known = next(iter(judges.classifiers.values())).classes
    table = split[(split["source"] == SOURCE_OF["b"]) & split["label"].isin(known)].sort_values("image_id")
    table = table.assign(held_back=table["part"].isin(HELD_BACK[how.protocol]))
    only_b = make_views(sets, table, normalizer, invertible=False, threads=how.threads).of["b"]
    return usefulness(only_b.real, only_b.mapped, only_b.rows, judges.classifiers, seed=how.seed)
