"""Scores of the trainings of the scarcity experiment, read from their predictions, with resamples of all of them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from hemabalance.errors import InputError
from hemabalance.metrics.classification import Counts, balanced_accuracy, f1
from hemabalance.metrics.resampling import Estimate
from hemabalance.metrics.run_resampling import Resampled, resampled_runs, run_weights
from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityRun, check_runs
from hemabalance.report.shared_predictions import SharedPredictions, read_shared_predictions

RARE_F1, BALANCED = "rare_macro_f1", "balanced_accuracy"
"""Metrics: mean F1 of the scarce classes, and mean sensitivity of all classes."""

Group = tuple[str, int | None]
"""Recipe and n of trainings that differ in draw and seed only."""


@dataclass(frozen=True)
class RecipeResult:
    """Results of one recipe at one n, over its draws and seeds.

    Attributes:
        recipe, n: as in `ScarcityRun`.
        draws, seeds: number of draws, and of seeds of each draw.
        images: number of test images.
        metrics: name, in the order of the tables -> mean over the trainings.
    """

    recipe: str
    n: int | None
    draws: int
    seeds: int
    images: int
    metrics: Mapping[str, Resampled]

    def estimate(self, metric: str) -> Estimate:
        """A metric with its interval."""
        return self.metrics[metric].estimate(self.images)

    def less(self, other: "RecipeResult", metric: str) -> Estimate:
        """A metric less that of another recipe at the same n, paired by draw, seed and image."""
        return self.metrics[metric].less(other.metrics[metric]).estimate(self.images)

    @property
    def number_cells(self) -> dict[str, Any]:
        """Columns of the numbers behind a row, and of what its intervals account for."""
        counted = [name for name, count in (("draws", self.draws), ("seeds", self.seeds)) if count > 1]
        over = ", ".join([*counted, "images"])
        return {"draws": self.draws, "seeds": self.seeds, "test_images": self.images, "intervals_over": over}


@dataclass(frozen=True)
class ScarcityResults:
    """Results of all recipes.

    Attributes:
        arms: roles of the recipes.
        groups: (recipe, n) -> results, by n (whole classes last), then in the order of the runs.
    """

    arms: ScarcityArms
    groups: Mapping[Group, RecipeResult]

    @property
    def ns(self) -> list[int]:
        """The numbers of training images of each scarce class, ascending."""
        return sorted({n for _, n in self.groups if n is not None})

    @property
    def ceiling(self) -> RecipeResult:
        """The ceiling: trained on the whole classes."""
        return self.groups[self.arms.ceiling, None]

    def at(self, n: int) -> list[RecipeResult]:
        """The results of all recipes at one n."""
        return [result for (_, group_n), result in self.groups.items() if group_n == n]


def read_results(runs: Sequence[ScarcityRun], arms: ScarcityArms, *, seed: int) -> ScarcityResults:
    """Read and check all predictions, and resample them.

    Args:
        runs, arms: as for `write.write_scarcity`.
        seed: seed of the resamples.

    Raises:
        InputError: as `write.write_scarcity`.
    """
    check_runs(runs, arms)
    test = read_shared_predictions([run.predictions for run in runs])
    _check_scarce_classes(test, runs[0].predictions, arms)
    values = resampled_runs(test.targets, test.predicted, metrics_of(test, arms), classes=len(test.classes), seed=seed)
    groups: dict[Group, RecipeResult] = {}
    in_order = sorted(
        dict.fromkeys((run.recipe, run.n) for run in runs), key=lambda group: (group[1] is None, group[1] or 0)
    )
    for recipe, n in in_order:
        members = [place for place, run in enumerate(runs) if (run.recipe, run.n) == (recipe, n)]
        members.sort(key=lambda place: (runs[place].draw, runs[place].seed))
        draws = len({runs[place].draw for place in members})
        seeds = len(members) // draws
        # The same weights for all recipes of an n pair their differences.
        weights = run_weights(draws, seeds, seed=_seed_of(seed, n))
        means = {name: column.mean(members, weights) for name, column in values.items()}
        groups[recipe, n] = RecipeResult(recipe, n, draws, seeds, len(test.targets), means)
    return ScarcityResults(arms, groups)


def metrics_of(test: SharedPredictions, arms: ScarcityArms) -> dict[str, Callable[[Counts], np.ndarray]]:
    """The metrics of the tables: `RARE_F1`, `BALANCED`, and `recall_<class>` of each scarce class."""
    scarce = [test.classes.index(label) for label in arms.classes]
    metrics: dict[str, Callable[[Counts], np.ndarray]] = {
        RARE_F1: partial(_rare_f1, labels=scarce),
        BALANCED: balanced_accuracy,
    }
    for label, code in zip(arms.classes, scarce, strict=True):
        metrics[f"recall_{label}"] = partial(_recall, label=code)
    return metrics


def _check_scarce_classes(test: SharedPredictions, path: Path, arms: ScarcityArms) -> None:
    for label in arms.classes:
        if not (test.images["label"] == label).any():
            problem = f"has no image of the scarce class {label}, so nothing can be measured on it"
            raise InputError(path, problem, "Choose other scarce classes, or another split")


def _rare_f1(counts: Counts, labels: Sequence[int]) -> np.ndarray:
    mean: np.ndarray = f1(counts)[..., labels].mean(-1)
    return mean


def _recall(counts: Counts, label: int) -> np.ndarray:
    share: np.ndarray = counts[..., label, label] / counts[..., label, :].sum(-1)
    return share


def _seed_of(seed: int, n: int | None) -> int:
    """A seed of its own for each n: trainings at different n are not paired."""
    return int(np.random.SeedSequence([seed, 0 if n is None else n]).generate_state(1)[0])
