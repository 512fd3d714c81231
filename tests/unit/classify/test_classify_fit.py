"""What a training leaves about the images that it was given."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from helpers.balanced_sets import GENERATED, MAKERS, SIZE, BalanceRun, balanced, run
from helpers.model_folders import runtime
from hemabalance.classify.fit import ModelConfig, fit_model
from hemabalance.classify.method import ModelSpec
from hemabalance.training.job import FitJob

REAL_TRAINING_IMAGES = 42  # 15 basophils, 24 monocytes, 3 promyelocytes


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> BalanceRun:
    return run(tmp_path_factory.mktemp("sets"))


def told(
    made: BalanceRun, rows: pd.DataFrame, folder: Path, *, size: int = SIZE, generators: bool = True
) -> dict[str, Any]:
    """`training.json` of naive Bayes."""
    entry = ModelConfig(ModelSpec.of({"method": "naive_bayes", "settings": {"side": 4}}), size)
    job = FitJob(runtime(), folder / "state", folder / "history.jsonl", threads=1, seed=5)
    sets = made.sets if generators else {"real": made.sets["real"]}
    fit_model(entry, rows, sets, job, weights=folder / "weights", training=folder / "training.json")
    found: dict[str, Any] = json.loads((folder / "training.json").read_text())
    return found


def test_synthetic_images_are_counted_beside_those_that_were_drawn(made: BalanceRun, tmp_path: Path) -> None:
    found = told(made, balanced(made), tmp_path)
    assert (found["images"], found["synthetic"]) == (REAL_TRAINING_IMAGES + 15, 15)
    assert found["drawn"] == GENERATED * len(MAKERS)
    alone = told(made, balanced(made, makers={}), tmp_path, generators=False)
    assert (alone["images"], alone["synthetic"], alone["drawn"]) == (REAL_TRAINING_IMAGES, 0, 0)


def test_trainings_on_the_same_images_are_known_by_it(made: BalanceRun, tmp_path: Path) -> None:
    refused = replace(made, gates={name: gate.assign(accepted=False) for name, gate in made.gates.items()})
    original = balanced(made, makers={})
    alone = told(made, original, tmp_path, generators=False)["learned_from"]
    assert told(made, balanced(refused), tmp_path)["learned_from"] == alone
    assert told(made, original[original["part"] != "test"], tmp_path)["learned_from"] == alone
    validated = original[original["part"] == "validation"]
    others = {
        "with synthetic images": told(made, balanced(made), tmp_path),
        "thinned": told(made, balanced(refused, target_per_class=15, above="subsample"), tmp_path),
        "another size": told(made, original, tmp_path, size=SIZE // 2),
        "one less to validate on": told(made, original.drop(validated.index[0]), tmp_path),
    }
    assert len({alone, *(one["learned_from"] for one in others.values())}) == 1 + len(others)
