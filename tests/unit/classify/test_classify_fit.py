"""`training.json`: what it records about the training images."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.balanced_sets import GENERATED, GENERATOR_OF_CLASS, SIZE, BalanceRun, build_balance_run, build_balanced
from helpers.model_folders import runtime
from helpers.thesis import CLASSES
from hemabalance.classify.fit import ModelConfig, fit_model
from hemabalance.classify.method import ModelSpec
from hemabalance.training.job import FitJob

REAL_TRAINING_IMAGES = 42  # 15 basophils, 24 monocytes, 3 promyelocytes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return build_balance_run(tmp_path_factory.mktemp("sets"))


def fit_naive_bayes(
    run: BalanceRun, rows: pd.DataFrame, folder: Path, *, size: int = SIZE, generators: bool = True
) -> dict[str, Any]:
    """`training.json` of naive Bayes."""
    model_config = ModelConfig(ModelSpec.from_plain({"method": "naive_bayes", "settings": {"side": 4}}), size, CLASSES)
    job = FitJob(runtime(), folder / "state", folder / "history.jsonl", threads=1, seed=5)
    sets = run.sets if generators else {"real": run.sets["real"]}
    fit_model(model_config, rows, sets, job, weights=folder / "weights", training=folder / "training.json")
    summary: dict[str, Any] = json.loads((folder / "training.json").read_text())
    return summary


def test_synthetic_images_are_counted_beside_all_generated_images(run: BalanceRun, tmp_path: Path) -> None:
    summary = fit_naive_bayes(run, build_balanced(run), tmp_path)
    assert (summary["images"], summary["synthetic"]) == (REAL_TRAINING_IMAGES + 15, 15)
    assert summary["drawn"] == GENERATED * len(GENERATOR_OF_CLASS)
    without = fit_naive_bayes(run, build_balanced(run, generators={}), tmp_path, generators=False)
    assert (without["images"], without["synthetic"], without["drawn"]) == (REAL_TRAINING_IMAGES, 0, 0)


def test_trainings_on_the_same_images_have_the_same_digest(run: BalanceRun, tmp_path: Path) -> None:
    refused = replace(run, gates={name: gate.assign(accepted=False) for name, gate in run.gates.items()})
    original = build_balanced(run, generators={})
    digest = fit_naive_bayes(run, original, tmp_path, generators=False)["learned_from"]
    assert fit_naive_bayes(run, build_balanced(refused), tmp_path)["learned_from"] == digest
    assert fit_naive_bayes(run, original[original["part"] != "test"], tmp_path)["learned_from"] == digest
    validated = original[original["part"] == "validation"]
    others = {
        "with synthetic images": fit_naive_bayes(run, build_balanced(run), tmp_path),
        "subsampled": fit_naive_bayes(run, build_balanced(refused, target_per_class=15, above="subsample"), tmp_path),
        "another size": fit_naive_bayes(run, original, tmp_path, size=SIZE // 2),
        "one validation image fewer": fit_naive_bayes(run, original.drop(validated.index[0]), tmp_path),
    }
    assert len({digest, *(summary["learned_from"] for summary in others.values())}) == 1 + len(others)
