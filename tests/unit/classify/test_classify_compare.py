"""Comparison of two models on the same test images, and of one model over several seeds."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.predictions import measure_table, predictions
from hemabalance.classify.compare import (
    compare,
    compare_seeds,
    over_seeds,
    read_over_seeds,
    require_distinct,
    spread_over_seeds,
    write_comparison,
)
from hemabalance.classify.predictions import write_predictions
from hemabalance.errors import InputError


def test_the_better_model_has_the_higher_scores() -> None:
    good, bad = predictions(400, seed=1, skill=3.0), predictions(400, seed=2, skill=1.0)
    comparison = compare(good, bad, names=("good", "bad"), resample_seed=1)
    for name in ("accuracy", "balanced_accuracy", "macro_f1"):
        assert 0 < comparison[name]["low"] < comparison[name]["value"] < comparison[name]["high"]
    correct = [(table["predicted"] == table["label"]) for table in (good, bad)]
    assert comparison["accuracy"]["value"] == pytest.approx(correct[0].mean() - correct[1].mean())
    only_a, only_b = int((correct[0] & ~correct[1]).sum()), int((correct[1] & ~correct[0]).sum())
    assert (comparison["mcnemar"]["only_a"], comparison["mcnemar"]["only_b"]) == (only_a, only_b)
    assert comparison["mcnemar"]["p"] < 1e-6
    same = compare(good, good, names=("good", "good"), resample_seed=1)
    assert (same["accuracy"]["value"], same["mcnemar"]["p"]) == (0, 1)


@pytest.mark.parametrize("swapped", [False, True])
def test_other_test_images_are_refused_by_name(swapped: bool) -> None:
    full, incomplete = predictions(30), predictions(30)
    image = incomplete["image_id"].iloc[7]
    incomplete = incomplete.drop(index=7).reset_index(drop=True)
    pair = (incomplete, full) if swapped else (full, incomplete)
    with pytest.raises(InputError, match=f"{image} is only in {'two' if swapped else 'one'}"):
        compare(*pair, names=("one", "two"), resample_seed=1)
    relabelled = full.assign(label=full["label"].where(full.index != 4, "platelet"))
    assert full["label"].iloc[4] != "platelet"
    with pytest.raises(InputError, match=f"differ in the label of {full['image_id'].iloc[4]}"):
        compare(full, relabelled, names=("one", "two"), resample_seed=1)


def test_seeds_are_compared_one_by_one(tmp_path: Path) -> None:
    skills = {"a": {1: 2.5, 2: 3.0, 3: 2.8}, "b": {2: 1.0, 3: 1.2, 9: 0.0}}
    tables = {
        name: {seed: predictions(200, seed=seed + 10 * ord(name), skill=skill) for seed, skill in seeds.items()}
        for name, seeds in skills.items()
    }
    result = compare_seeds(tables["a"], tables["b"], names=("a", "b"), resample_seed=1)
    assert [row["seed"] for row in result["by_seed"]] == [2, 3]
    values = [row["accuracy"]["value"] for row in result["by_seed"]]
    expected = {"mean": pytest.approx(np.mean(values)), "std": pytest.approx(np.std(values, ddof=1)), "n": 2}
    assert result["over_seeds"]["accuracy"] == expected
    files = {}
    for name, seeds in tables.items():
        for seed, table in seeds.items():
            write_predictions(table, tmp_path / f"{name}{seed}")
        files[name] = [(seed, tmp_path / f"{name}{seed}") for seed in seeds]
    write_comparison(files["a"], files["b"], tmp_path / "out.json", names=("a", "b"), resample_seed=1)
    assert json.loads((tmp_path / "out.json").read_text("utf-8")) == result
    with pytest.raises(InputError, match=r"the seeds of b: contain 9 2 times\. List each seed once"):
        write_comparison(
            files["a"], [*files["b"], files["b"][-1]], tmp_path / "no.json", names=("a", "b"), resample_seed=1
        )
    with pytest.raises(InputError, match="no seed in common: 1 and 9"):
        compare_seeds({1: tables["a"][1]}, {9: tables["b"][9]}, names=("a", "b"), resample_seed=1)


def test_several_seeds_give_mean_and_spread(tmp_path: Path) -> None:
    trainings = [measure_table(predictions(80, seed=seed), seed=seed) for seed in (1, 2, 3)]
    result = over_seeds(trainings)
    assert (result["experiment"], result["seeds"], result["n"]) == ("e", [1, 2, 3], 80)
    values = [metrics["metrics"]["macro_f1"]["value"] for metrics in trainings]
    expected = {"mean": pytest.approx(np.mean(values)), "std": pytest.approx(np.std(values, ddof=1)), "n": 3}
    assert result["metrics"]["macro_f1"] == expected
    for index, metrics in enumerate(trainings):
        (tmp_path / str(index)).write_text(json.dumps(metrics), "utf-8")
    assert read_over_seeds([tmp_path / str(index) for index in range(3)]) == result
    with pytest.raises(InputError, match="the seeds of e: contain 2 2 times"):
        over_seeds([*trainings, trainings[1]])
    with pytest.raises(InputError, match="not of one experiment"):
        over_seeds([trainings[0], measure_table(predictions(80), experiment="other")])


def test_the_spread_of_one_seed_and_of_none() -> None:
    assert spread_over_seeds([0.5]) == {"mean": 0.5, "std": None, "n": 1}
    assert spread_over_seeds([None, None]) == {"mean": None, "std": None, "n": 0}
    assert spread_over_seeds([None, 0.5, 0.7])["n"] == 2
    require_distinct([3, 1, 2], "e")
    require_distinct([], "e")
