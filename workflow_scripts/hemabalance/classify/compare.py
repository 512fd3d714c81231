"""Two experiments on the same test images, and one experiment over several seeds."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import codes_of, read_predictions
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.metrics.classification import METRICS
from hemabalance.metrics.paired import mcnemar, paired_bootstrap
from hemabalance.taxonomy import CLASSES

REPEATED = "Name each seed once"


def compare(a: pd.DataFrame, b: pd.DataFrame, *, names: tuple[str, str], resample_seed: int) -> dict[str, Any]:
    """What one classifier gets right more often than another, on the same test images.

    Args:
        a, b: predictions (`predictions.SCHEMA`).
        names: of the two, for messages.
        resample_seed: seed of the resamples.

    Returns:
        JSON values `n`; `accuracy, balanced_accuracy, macro_f1`: a less b, each `value, low, high, n`, the interval by
        a paired bootstrap within classes; `mcnemar`: `only_a, only_b` (images that one alone gets right), exact `p`.

    Raises:
        InputError: they are not of the same images, or differ on an image's class; it names the first such image.
    """
    _require_same_images(a, b, names)
    targets, said_a, said_b = codes_of(a["label"]), codes_of(a["predicted"]), codes_of(b["predicted"])
    differences = paired_bootstrap(targets, said_a, said_b, METRICS, classes=len(CLASSES), seed=resample_seed)
    tested = mcnemar(said_a == targets, said_b == targets)
    found: dict[str, Any] = {name: one._asdict() for name, one in differences.items()}
    return {"n": len(a)} | found | {"mcnemar": tested._asdict()}


def compare_seeds(
    a: Mapping[int, pd.DataFrame], b: Mapping[int, pd.DataFrame], *, names: tuple[str, str], resample_seed: int
) -> dict[str, Any]:
    """Compare two experiments, seed by seed.

    Args:
        a, b: seed of the training -> predictions.
        names: of the two experiments.
        resample_seed: seed of the resamples.

    Returns:
        JSON values `a, b` (names), `n`; `by_seed`: for each seed that both were trained with, `seed` and what `compare`
        gives; `over_seeds`: metric -> `mean, std, n` of the differences (`spread_over_seeds`).

    Raises:
        InputError: they have no seed in common, or as `compare`.
    """
    shared = sorted(set(a) & set(b))
    if not shared:
        problem = f"have no seed in common: {_named(a)} and {_named(b)}"
        raise InputError(" and ".join(names), problem, "Train both with one list of seeds")
    rows = []
    for seed in shared:
        of_seed = (f"{names[0]}, seed {seed}", f"{names[1]}, seed {seed}")
        rows.append({"seed": seed} | compare(a[seed], b[seed], names=of_seed, resample_seed=resample_seed))
    over = {name: spread_over_seeds([row[name]["value"] for row in rows]) for name in METRICS}
    return {"a": names[0], "b": names[1], "n": rows[0]["n"], "by_seed": rows, "over_seeds": over}


def write_comparison(
    a: Sequence[tuple[int, Path]],
    b: Sequence[tuple[int, Path]],
    out: Path,
    *,
    names: tuple[str, str],
    resample_seed: int,
) -> None:
    """Compare two experiments by their files of predictions, and write the JSON.

    Args:
        a, b: seed of the training and `predictions.parquet`.
        out: JSON to write (`compare_seeds`).
        names: of the two experiments.
        resample_seed: seed of the resamples.

    Raises:
        InputError: a seed stands twice in a list, a file cannot be read, or as `compare_seeds`.
    """
    for name, files in zip(names, (a, b), strict=True):
        require_distinct((seed for seed, _ in files), name)
    one, other = ({seed: read_predictions(path) for seed, path in files} for files in (a, b))
    write_json(compare_seeds(one, other, names=names, resample_seed=resample_seed), out)


def over_seeds(metrics: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One experiment over all its seeds.

    Args:
        metrics: what `measure.measure` gave of each training, at least one.

    Returns:
        JSON values `experiment, protocol, n` (test images), `seeds`, and `metrics`: name -> `mean, std, n`.

    Raises:
        InputError: a seed stands there twice, or they are not of one experiment, protocol and number of test images.
    """
    kinds = {(one["experiment"], one["protocol"], one["n"]) for one in metrics}
    if len(kinds) != 1:
        described = "; ".join(f"{name} under {protocol}, n = {n}" for name, protocol, n in sorted(kinds))
        problem = f"are not of one experiment on the same test images ({described})"
        raise InputError("the metrics of several seeds", problem, "Delete the results made last and run again")
    ((experiment, protocol, n),) = kinds
    seeds = [one["seed"] for one in metrics]
    require_distinct(seeds, experiment)
    names = list(metrics[0]["metrics"])
    found = {name: spread_over_seeds([one["metrics"][name]["value"] for one in metrics]) for name in names}
    return {"experiment": experiment, "protocol": protocol, "n": n, "seeds": seeds, "metrics": found}


def read_over_seeds(metrics: Sequence[Path]) -> dict[str, Any]:
    """The same by files of metrics."""
    return over_seeds([json.loads(path.read_text("utf-8")) for path in metrics])


def spread_over_seeds(values: Sequence[float | None]) -> dict[str, float | int | None]:
    """`mean`, `std` (of a sample: n - 1) and `n`, the seeds that have a value; one seed has no spread."""
    known = np.array([value for value in values if value is not None], np.float64)
    return {
        "mean": float(known.mean()) if len(known) else None,
        "std": float(known.std(ddof=1)) if len(known) > 1 else None,
        "n": len(known),
    }


def require_distinct(seeds: Iterable[int], where: str) -> None:
    """Refuse a list of seeds in which one stands twice: the same training would count as another.

    Raises:
        InputError: names the experiment and the seed.
    """
    seed, times = next(iter(Counter(seeds).most_common(1)), (0, 0))
    if times > 1:
        raise InputError(f"the seeds of {where}", f"hold {seed} {times} times", REPEATED)


def _require_same_images(a: pd.DataFrame, b: pd.DataFrame, names: tuple[str, str]) -> None:
    where, remedy = " and ".join(names), "Compare experiments of one run and protocol, or run the workflow again"
    for one, other, name in ((a, b, names[0]), (b, a, names[1])):
        alone = one.loc[~one["image_id"].isin(other["image_id"]), "image_id"]
        if len(alone):
            problem = f"were tested on other images: {alone.iloc[0]} is only in {name} ({len(alone)} such)"
            raise InputError(where, problem, remedy)
    differs = a.loc[a["label"].to_numpy() != b["label"].to_numpy(), "image_id"]
    if len(differs):
        raise InputError(where, f"differ in the class of {differs.iloc[0]} ({len(differs)} such)", remedy)


def _named(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, sorted(seeds))) or "none"
