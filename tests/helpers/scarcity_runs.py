"""Predictions of a small scarcity experiment: four classes, two of them scarce."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from helpers.predictions import rows_of
from hemabalance.classify.predictions import codes_of, predictions_table, write_predictions
from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityPaths, ScarcityRun

CLASSES = ("common_a", "common_b", "scarce_a", "scarce_b")
ARMS = ScarcityArms(
    classes=("scarce_a", "scarce_b"),
    baseline="sampled",
    line="tuned",
    control="repeats",
    synthesis=("drawn", "edited"),
    ceiling="sampled",
)
RECIPES = ("sampled", "tuned", "repeats", "drawn", "edited")


def table(
    right: float, *, seed: int, each: int = 30, of: Mapping[str, int] | None = None, prefix: str = "s"
) -> pd.DataFrame:
    """Predictions of `each` images of every class (or as many as `of` says), right with this probability."""
    counts = of or dict.fromkeys(CLASSES, each)
    labels = [label for label, count in counts.items() for _ in range(count)]
    rows = rows_of(labels, source=prefix)
    rng = np.random.default_rng(seed)
    targets = codes_of(labels, CLASSES)
    shift = np.where(rng.random(len(labels)) < right, 0, rng.integers(1, len(CLASSES), len(labels)))
    logits = 3.0 * np.eye(len(CLASSES))[(targets + shift) % len(CLASSES)]
    return predictions_table(rows, logits, 1.0, classes=CLASSES)


def written(folder: Path, predictions: pd.DataFrame, recipe: str, n: int | None, draw: int, seed: int) -> ScarcityRun:
    path = folder / f"{recipe}_{n}_{draw}_{seed}.parquet"
    write_predictions(predictions, path)
    return ScarcityRun(recipe, n, draw, seed, path)


def small_runs(
    folder: Path, right: Mapping[str, float], *, ns: tuple[int, ...] = (10,), draws: int = 2, seeds: int = 2
) -> list[ScarcityRun]:
    """Trainings of `RECIPES` and of the ceiling, with the probability of a right prediction of each recipe."""
    runs = []
    for n in ns:
        for number, recipe in enumerate(RECIPES):
            for draw in range(draws):
                for seed in range(seeds):
                    own = int(np.random.SeedSequence([n, number, draw, seed]).generate_state(1)[0])
                    runs.append(written(folder, table(right[recipe], seed=own), recipe, n, draw, seed))
    for seed in range(seeds):
        runs.append(written(folder, table(right["ceiling"], seed=900 + seed), ARMS.ceiling, None, 0, seed))
    return runs


def paths_in(folder: Path) -> ScarcityPaths:
    names = ("scores.csv", "differences.csv", "gap.csv", "curve.svg", "sentence.json", "page.html")
    return ScarcityPaths(*(folder / name for name in names))
