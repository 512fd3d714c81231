"""Small classifier results, written by the same code as in the workflow."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from helpers.thesis import CLASSES, PAIR
from hemabalance.classify.compare import compare_seeds
from hemabalance.classify.evaluate import predict_test
from hemabalance.classify.measure import measure
from hemabalance.classify.predictions import codes_of, read_predictions
from hemabalance.files import write_json
from hemabalance.protocols import Protocol
from hemabalance.report.classify.ablations import Ablation, ablations_of
from hemabalance.report.classify.classifier_results import ClassifierResult, read_classifier_results
from hemabalance.report.classify.comparison_results import ComparisonResult

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
"""The rows of the table of ablations."""


@dataclass(frozen=True)
class ClassifierRun:
    """One training."""

    description: Mapping[str, Any]
    predictions: pd.DataFrame
    scored: ClassifierResult


def rows_of(counts: Mapping[str, int] = COUNTS, all_sources: Sequence[str] = tuple(PAIR.values())) -> pd.DataFrame:
    """`image_id, source, label` of real test images; the sources alternate."""
    labels = [label for label, n in counts.items() for _ in range(n)]
    sources = [all_sources[place % len(all_sources)] for place in range(len(labels))]
    ids = [f"{source}/{label}/{place:05}" for place, (source, label) in enumerate(zip(sources, labels, strict=True))]
    table = pd.DataFrame({"image_id": ids, "source": sources, "label": labels}, dtype="str")
    return table.sort_values("image_id", ignore_index=True)


def build_run(
    folder: Path,
    name: str,
    *,
    skill: float,
    seed: int = 1,
    protocol: Protocol = "leak_free",
    like: Mapping[str, Any] = OURS,
    counts: Mapping[str, int] = COUNTS,
    only: str | None = None,
    classes: tuple[str, ...] = CLASSES,
    sources: Sequence[str] = tuple(PAIR.values()),
    preset: str = "thesis",
) -> ClassifierRun:
    """Results of a classifier whose accuracy grows with `skill`, or which predicts `only` one class."""
    rows = rows_of(counts, sources)
    rng = np.random.default_rng([seed, *name.encode()])
    logits = rng.normal(scale=1.5, size=(len(rows) + 40, len(classes)))
    validation = np.arange(40) % len(classes)
    for targets, part in ((codes_of(rows["label"], classes), logits[: len(rows)]), (validation, logits[len(rows) :])):
        part[np.arange(len(part)), targets] += skill
    if only:
        logits[:, classes.index(only)] += 30
    logits = logits.astype(np.float32)
    files = folder / f"{name}-{seed}.parquet", folder / f"{name}-{seed}.calibration.json"
    options: dict[str, Any] = {
        "classes": classes,
        "trained_classes": classes,
        "predictions": files[0],
        "calibration": files[1],
    }
    predict_test(np.array(classes)[validation], logits[len(rows) :], rows, logits[: len(rows)], **options)
    table, calibration = read_predictions(files[0]), json.loads(files[1].read_text())
    measured = measure(table, calibration, experiment=name, protocol=protocol, seed=seed, resample_seed=3)
    description = {"name": name, "model": like["network"], "recipe": name, "protocol": protocol, "seed": seed, **like}
    training = {"steps": 2000, "seconds": 3725.4, "parameters": 1_234_567, "device": "cpu", "precision": "32"}
    metrics, training_file = folder / f"{name}-{seed}.metrics.json", folder / f"{name}-{seed}.training.json"
    write_json(measured, metrics)
    synthetic = like["rich"] is not None or like["rare"] is not None
    learned = {
        "images": 5000 if synthetic else 4000,
        "synthetic": 1000 if synthetic else 0,
        "drawn": 2400 if synthetic else 0,
    }
    write_json(training | learned | {"learned_from": name}, training_file)
    return ClassifierRun(
        description, table, read_classifier_results([description], [metrics], [training_file], preset=preset)[0]
    )


def compare_runs(a: Sequence[ClassifierRun], b: Sequence[ClassifierRun]) -> ComparisonResult:
    """The comparison of two experiments by the predictions of their trainings."""
    tables = ({run.scored.seed: run.predictions for run in runs} for runs in (a, b))
    names = a[0].scored.name, b[0].scored.name
    comparison = compare_seeds(*tables, names=names, resample_seed=3)
    return ComparisonResult(a[0].scored.protocol, json.loads(json.dumps(comparison, allow_nan=False)))


@dataclass(frozen=True)
class ClassifierRuns:
    """A few trainings and their comparisons."""

    runs: Mapping[str, ClassifierRun]
    comparisons: list[ComparisonResult]

    @property
    def ablations(self) -> list[Ablation]:
        return ablations_of(ROWS, [run.scored for run in self.runs.values()], self.comparisons, preset="thesis")


def classifier_run_set(folder: Path) -> ClassifierRuns:
    runs = {
        "balanced": build_run(folder, "balanced", skill=5.5),
        "again": build_run(folder, "balanced", skill=5.5, seed=2),
        "original": build_run(folder, "original", skill=3.5, like=ORIGINAL),
        "plain": build_run(folder, "plain", skill=3.2, like=PLAIN),
        "no_stain": build_run(folder, "no_stain", skill=3.2, like={**OURS, "normalizer": "none"}),
        "pooled": build_run(folder, "balanced_thesis", skill=7, protocol="thesis"),
    }
    original_second_seed = build_run(folder, "original", skill=3.5, seed=2, like=ORIGINAL)
    comparisons = [
        compare_runs([runs["balanced"], runs["again"]], [runs["original"], original_second_seed]),
        compare_runs([runs["balanced"]], [runs["no_stain"]]),
    ]
    return ClassifierRuns(runs, comparisons)


def history(steps: int = 200) -> pd.DataFrame:
    """Losses of a training by step, validated every 20 steps; the last validation but one is the best."""
    lines = []
    for step in range(2, steps + 1, 2):
        line = {"step": step, "cross_entropy": 2.5 * np.exp(-step / 60) + 0.5, "accuracy": 1 - 0.9 * np.exp(-step / 50)}
        if step % 20 == 0:
            line |= {"validation_cross_entropy": 2.4 * np.exp(-step / 60) + 0.3 + 0.2 * (step == steps)}
            line |= {"validation_macro_f1": 0.9 - 0.8 * np.exp(-step / 50)}
            line |= {"validation_accuracy": 0.95 - 0.85 * np.exp(-step / 50)}
        lines.append(line)
    return pd.DataFrame(lines)
