"""Small trained classifiers, as predicting, measuring and comparing really leave them."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classify.compare import compare_seeds
from hemabalance.classify.evaluate import predict_test
from hemabalance.classify.measure import measure
from hemabalance.classify.predictions import codes_of, read_predictions
from hemabalance.files import write_json
from hemabalance.protocols import Protocol
from hemabalance.report.classify.ablations import Ablation, ablations_of
from hemabalance.report.classify.classifier_results import ClassifierResult, read_classifier_results
from hemabalance.report.classify.comparison_results import ComparisonResult
from hemabalance.taxonomy import CLASSES

COUNTS = {
    "basophil": 12, "eosinophil": 30, "erythroblast": 14, "immature_granulocyte": 26, "lymphocyte": 40, "monoblast": 1,
    "monocyte": 24, "myeloblast": 28, "neutrophil": 70, "platelet": 22, "promyelocyte": 4, "smudge_cell": 0,
}  # fmt: skip
"""Test images of each class."""

OURS = {"network": "senet154_ge", "normalizer": "wcyclegan_gp", "rich": "c_wgan_gp", "rare": "fewshot_meta"}
PLAIN = {"network": "senet154_ge", "normalizer": "none", "rich": None, "rare": None}
ORIGINAL = {**PLAIN, "normalizer": "reinhard"}
ROWS = [
    {"row": "full", "name": "balanced", **OURS},
    {"row": "without gather-excite", "name": "senet154_balanced", **OURS, "network": "senet154"},
    {"row": "without stain normalisation", "name": "no_stain", **OURS, "normalizer": "none"},
    {"row": "without C-WGAN-GP (few-shot for all)", "name": "fewshot_only", **OURS, "rich": "fewshot_meta"},
    {"row": "without few-shot (C-WGAN-GP for all)", "name": "c_wgan_gp_only", **OURS, "rare": "c_wgan_gp"},
]
"""What the table of ablations asks for."""


@dataclass(frozen=True)
class ClassifierRun:
    """One training."""

    facts: Mapping[str, Any]
    predictions: pd.DataFrame
    scored: ClassifierResult


def rows_of(counts: Mapping[str, int] = COUNTS) -> pd.DataFrame:
    """`image_id, source, label` of real test images; every second one of source A."""
    labels = [label for label, n in counts.items() for _ in range(n)]
    sources = [("mendeley", "tcia")[place % 2] for place in range(len(labels))]
    ids = [f"{source}/{label}/{place:05}" for place, (source, label) in enumerate(zip(sources, labels, strict=True))]
    table = pd.DataFrame({"image_id": ids, "source": sources, "label": labels}, dtype="str")
    return table.sort_values("image_id", ignore_index=True)


def trained(
    folder: Path,
    name: str,
    *,
    skill: float,
    seed: int = 1,
    protocol: Protocol = "leak_free",
    like: Mapping[str, Any] = OURS,
    counts: Mapping[str, int] = COUNTS,
    only: str | None = None,
) -> ClassifierRun:
    """A classifier that is right the more often the higher its skill; or that says `only` one class."""
    rows = rows_of(counts)
    random = np.random.default_rng([seed, *name.encode()])
    logits = random.normal(scale=1.5, size=(len(rows) + 40, len(CLASSES)))
    validated = np.arange(40) % len(CLASSES)
    for targets, part in ((codes_of(rows["label"]), logits[: len(rows)]), (validated, logits[len(rows) :])):
        part[np.arange(len(part)), targets] += skill
    if only:
        logits[:, CLASSES.index(only)] += 30
    logits = logits.astype(np.float32)
    files = folder / f"{name}-{seed}.parquet", folder / f"{name}-{seed}.calibration.json"
    options: dict[str, Any] = {"trained": CLASSES, "predictions": files[0], "calibration": files[1]}
    predict_test(np.array(CLASSES)[validated], logits[len(rows) :], rows, logits[: len(rows)], **options)
    table, calibration = read_predictions(files[0]), json.loads(files[1].read_text())
    found = measure(table, calibration, experiment=name, protocol=protocol, seed=seed, resample_seed=3)
    facts = {"name": name, "model": like["network"], "recipe": name, "protocol": protocol, "seed": seed, **like}
    training = {"steps": 2000, "seconds": 3725.4, "parameters": 1_234_567, "device": "cpu", "precision": "32"}
    metrics, done = folder / f"{name}-{seed}.metrics.json", folder / f"{name}-{seed}.training.json"
    write_json(found, metrics)
    takes = like["rich"] is not None or like["rare"] is not None
    learned = {"images": 5000 if takes else 4000, "synthetic": 1000 if takes else 0, "drawn": 2400 if takes else 0}
    write_json(training | learned | {"learned_from": name}, done)
    return ClassifierRun(facts, table, read_classifier_results([facts], [metrics], [done])[0])


def compared(a: Sequence[ClassifierRun], b: Sequence[ClassifierRun]) -> ComparisonResult:
    """Two experiments, each with its trainings."""
    tables = ({one.scored.seed: one.predictions for one in of} for of in (a, b))
    names = a[0].scored.name, b[0].scored.name
    found = compare_seeds(*tables, names=names, resample_seed=3)
    return ComparisonResult(a[0].scored.protocol, json.loads(json.dumps(found, allow_nan=False)))


@dataclass(frozen=True)
class ClassifierRuns:
    """A few trainings, and what came of comparing them."""

    of: Mapping[str, ClassifierRun]
    comparisons: list[ComparisonResult]

    @property
    def ablations(self) -> list[Ablation]:
        return ablations_of(ROWS, [one.scored for one in self.of.values()], self.comparisons)


def classifier_run_set(folder: Path) -> ClassifierRuns:
    of = {
        "balanced": trained(folder, "balanced", skill=5.5),
        "again": trained(folder, "balanced", skill=5.5, seed=2),
        "original": trained(folder, "original", skill=3.5, like=ORIGINAL),
        "plain": trained(folder, "plain", skill=3.2, like=PLAIN),
        "no_stain": trained(folder, "no_stain", skill=3.2, like={**OURS, "normalizer": "none"}),
        "pooled": trained(folder, "balanced_thesis", skill=7, protocol="thesis"),
    }
    original_again = trained(folder, "original", skill=3.5, seed=2, like=ORIGINAL)
    pairs = [
        compared([of["balanced"], of["again"]], [of["original"], original_again]),
        compared([of["balanced"]], [of["no_stain"]]),
    ]
    return ClassifierRuns(of, pairs)


def history(steps: int = 200) -> pd.DataFrame:
    """A training's losses by step, validated every twentieth step; best at the last but one."""
    lines = []
    for step in range(2, steps + 1, 2):
        line = {"step": step, "cross_entropy": 2.5 * np.exp(-step / 60) + 0.5, "accuracy": 1 - 0.9 * np.exp(-step / 50)}
        if step % 20 == 0:
            line |= {"validation_cross_entropy": 2.4 * np.exp(-step / 60) + 0.3 + 0.2 * (step == steps)}
            line |= {"validation_macro_f1": 0.9 - 0.8 * np.exp(-step / 50)}
            line |= {"validation_accuracy": 0.95 - 0.85 * np.exp(-step / 50)}
        lines.append(line)
    return pd.DataFrame(lines)
