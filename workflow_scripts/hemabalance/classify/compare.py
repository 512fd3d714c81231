"""Comparison of two experiments on the same test images, and statistics of one experiment over several seeds.

Experiments of different class lists are compared on the classes that both know (`shared_classes`).
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import read_predictions
from hemabalance.classify.shared_classes import paired_predictions
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.metrics.classification import METRICS
from hemabalance.metrics.paired import mcnemar, paired_bootstrap


def compare(a: pd.DataFrame, b: pd.DataFrame, *, names: tuple[str, str], resample_seed: int) -> dict[str, Any]:
    """Compare two classifiers on the same test images.

    Two classifiers of different class lists are compared on the test images that both were tested on and whose label is
    a class of both. A prediction of a class that only one of them has counts as an error, like any other wrong class.

    Args:
        a, b: predictions (`predictions.SCHEMA`).
        names: names of the two, for messages.
        resample_seed: seed of the bootstrap.

    Returns:
        JSON values `n`; `accuracy, balanced_accuracy, macro_f1`: a minus b, each `value, low, high, n`, with intervals
        by a paired bootstrap within classes; `mcnemar`: `only_a, only_b` (images that only one classifies correctly)
        and the exact `p`. Where the class lists differ, also `classes` (the shared ones) and `left_out`: `classes_a,
        classes_b` (classes of one only) and `images_a, images_b` (numbers of test images of each that are not used).

    Raises:
        InputError: as `shared_classes.paired_predictions`.
    """
    pair = paired_predictions(a, b, names)
    differences = paired_bootstrap(pair.targets, pair.a, pair.b, METRICS, classes=pair.classes, seed=resample_seed)
    test = mcnemar(pair.a == pair.targets, pair.b == pair.targets)
    metrics: dict[str, Any] = {name: estimate._asdict() for name, estimate in differences.items()}
    return {"n": len(pair.targets), **pair.left_out} | metrics | {"mcnemar": test._asdict()}


def compare_seeds(
    a: Mapping[int, pd.DataFrame], b: Mapping[int, pd.DataFrame], *, names: tuple[str, str], resample_seed: int
) -> dict[str, Any]:
    """Compare two experiments, seed by seed.

    Args:
        a, b: seed of the training -> predictions.
        names: names of the two experiments.
        resample_seed: seed of the bootstrap.

    Returns:
        JSON values `a, b` (names), `n`; `by_seed`: for each seed of both experiments, `seed` and the result of
        `compare`; `over_seeds`: metric -> `mean, std, n` of the differences (`spread_over_seeds`).

    Raises:
        InputError: the experiments have no seed in common, or as `compare`.
    """
    shared = sorted(set(a) & set(b))
    if not shared:
        problem = f"have no seed in common: {_named(a)} and {_named(b)}"
        raise InputError(" and ".join(names), problem, "Train both with the same list of seeds")
    rows = []
    for seed in shared:
        seed_names = (f"{names[0]}, seed {seed}", f"{names[1]}, seed {seed}")
        rows.append({"seed": seed} | compare(a[seed], b[seed], names=seed_names, resample_seed=resample_seed))
    spread = {name: spread_over_seeds([row[name]["value"] for row in rows]) for name in METRICS}
    return {"a": names[0], "b": names[1], "n": rows[0]["n"], "by_seed": rows, "over_seeds": spread}


def write_comparison(
    a: Sequence[tuple[int, Path]],
    b: Sequence[tuple[int, Path]],
    out: Path,
    *,
    names: tuple[str, str],
    resample_seed: int,
) -> None:
    """Compare the predictions of two experiments and write the result as JSON.

    Args:
        a, b: pairs of a training seed and its `predictions.parquet`.
        out: JSON to write (`compare_seeds`).
        names: names of the two experiments.
        resample_seed: seed of the bootstrap.

    Raises:
        InputError: a list has a seed twice, a file cannot be read, or as `compare_seeds`.
    """
    for name, files in zip(names, (a, b), strict=True):
        require_distinct((seed for seed, _ in files), name)
    tables_a, tables_b = ({seed: read_predictions(path) for seed, path in files} for files in (a, b))
    write_json(compare_seeds(tables_a, tables_b, names=names, resample_seed=resample_seed), out)


def over_seeds(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean and standard deviation of the metrics of one experiment over its seeds.

    Args:
        metrics: result of `measure.measure` for each training, at least one.

    Returns:
        JSON values `experiment, protocol, n` (test images), `seeds`, and `metrics`: name -> `mean, std, n`.

    Raises:
        InputError: a seed occurs twice, or experiment, protocol or number of test images differ between trainings.
    """
    kinds = {(content["experiment"], content["protocol"], content["n"]) for content in metrics}
    if len(kinds) != 1:
        described = "; ".join(f"{name} under {protocol}, n = {n}" for name, protocol, n in sorted(kinds))
        problem = f"are not of one experiment on the same test images ({described})"
        raise InputError(
            "the metrics of several seeds", problem, "Delete the results written last and run the workflow again"
        )
    ((experiment, protocol, n),) = kinds
    seeds = [content["seed"] for content in metrics]
    require_distinct(seeds, experiment)
    names = list(metrics[0]["metrics"])
    spread = {name: spread_over_seeds([content["metrics"][name]["value"] for content in metrics]) for name in names}
    return {"experiment": experiment, "protocol": protocol, "n": n, "seeds": seeds, "metrics": spread}


def read_over_seeds(metrics: Sequence[Path]) -> dict[str, Any]:
    """`over_seeds` of `metrics.json` files."""
    return over_seeds([json.loads(path.read_text("utf-8")) for path in metrics])


def spread_over_seeds(values: Sequence[float | None]) -> dict[str, float | int | None]:
    """`mean`, `std` (sample standard deviation, divisor n - 1; None for one seed) and `n`, the seeds with a value."""
    known = np.array([value for value in values if value is not None], np.float64)
    return {
        "mean": float(known.mean()) if len(known) else None,
        "std": float(known.std(ddof=1)) if len(known) > 1 else None,
        "n": len(known),
    }


def require_distinct(seeds: Iterable[int], where: str) -> None:
    """Refuse a list in which a seed occurs twice: one training would be counted as two.

    Raises:
        InputError: a seed occurs twice; names the experiment and the seed.
    """
    seed, times = next(iter(Counter(seeds).most_common(1)), (0, 0))
    if times > 1:
        raise InputError(f"the seeds of {where}", f"contain {seed} {times} times", "List each seed once")


def _named(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds))) or "none"
