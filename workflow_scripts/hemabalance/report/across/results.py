"""Scores of the rows of the experiment across laboratories, read from their predictions, with resamples."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from hemabalance.errors import InputError
from hemabalance.metrics.classification import METRICS, accuracy, confusion
from hemabalance.metrics.resampling import Estimate
from hemabalance.metrics.run_resampling import Resampled, RunValues, resampled_runs, seed_weights
from hemabalance.report.across.predictions import ALL, PART_NAMES, AcrossImages, divide_images
from hemabalance.report.across.runs import AcrossArms, AcrossRun, check_runs
from hemabalance.report.shared_predictions import SharedPredictions, read_shared_predictions

ACCURACY, BALANCED = "accuracy", "balanced_accuracy"
"""Metrics, by their names in `classification.METRICS`."""

_METRICS = {name: METRICS[name] for name in (ACCURACY, BALANCED)}


@dataclass(frozen=True)
class RowResult:
    """Results of one row, over its seeds.

    Attributes:
        row: its name.
        seeds: its seeds, ascending.
        seconds: of training, mean over the seeds; of an average of networks, the sum of all of them; with images that
            another network labelled, with this network's.
        images: number of training images (of the first network).
        pseudo_labels: number of them that are of other sources and have predicted labels, with each seed; empty if
            there are none in any training of this kind.
        numbers: part -> number of its images, 0 for a part without images.
        metrics: (part, metric) -> mean over the seeds.
        counts: of each seed, confusion matrix int64 (k, k) of all images of the other sources.
        predicted: of the first seed, int64 (n,), predicted classes of all images.
    """

    row: str
    seeds: tuple[int, ...]
    seconds: float
    images: int
    pseudo_labels: tuple[int, ...]
    numbers: Mapping[str, int]
    metrics: Mapping[tuple[str, str], Resampled]
    counts: Sequence[np.ndarray]
    predicted: np.ndarray

    def estimate(self, part: str, metric: str = ACCURACY) -> Estimate:
        """A metric on a part of the images, with its interval; without a value if the part has no images."""
        if not self.numbers[part]:
            return Estimate(None, None, None, 0)
        return self.metrics[part, metric].estimate(self.numbers[part])

    def less(self, other: "RowResult", part: str, metric: str = ACCURACY) -> Estimate:
        """A metric less that of another row, paired by image, and by seed if both rows have the same seeds."""
        difference = self.metrics[part, metric].less(other.metrics[part, metric])
        return difference.estimate(self.numbers[part])

    @property
    def spread(self) -> float | None:
        """Standard deviation, between seeds, of the accuracy on all images of other sources; None for one seed."""
        shares = [float(accuracy(counts)) for counts in self.counts]
        return float(np.std(shares, ddof=1)) if len(shares) > 1 else None


@dataclass(frozen=True)
class AcrossResults:
    """Results of all rows.

    Attributes:
        arms: roles and descriptions of the rows.
        rows: name -> results, in the order of the runs.
        test: the images, and the predictions of all runs.
        images: the parts of the images.
    """

    arms: AcrossArms
    rows: Mapping[str, RowResult]
    test: SharedPredictions
    images: AcrossImages

    @property
    def leading(self) -> RowResult:
        """The row that the sentence speaks of."""
        return self.rows[self.arms.leading]

    @property
    def others(self) -> str:
        """The other sources, as text."""
        return " and ".join(self.images.others)


def read_results(runs: Sequence[AcrossRun], arms: AcrossArms, split: Path, *, seed: int) -> AcrossResults:
    """Read and check all predictions and trainings, and resample them.

    Args:
        runs, arms, split: as for `write.write_across`.
        seed: seed of the resamples.

    Raises:
        InputError: as `write.write_across`.
    """
    check_runs(runs, arms)
    test = read_shared_predictions([run.predictions for run in runs])
    images = divide_images(test.images, arms.source, predictions=runs[0].predictions, split=split)
    values: dict[tuple[str, str], RunValues] = {}
    for part, mask in images.parts.items():
        predicted = [codes[mask] for codes in test.predicted]
        found = resampled_runs(test.targets[mask], predicted, _METRICS, classes=len(test.classes), seed=seed)
        values |= {(part, metric): column for metric, column in found.items()}
    is_other = images.parts[ALL]
    numbers = {part: int(images.parts[part].sum()) if part in images.parts else 0 for part in PART_NAMES}
    rows = {}
    for row in dict.fromkeys(run.row for run in runs):
        places = [place for place, run in enumerate(runs) if run.row == row]
        places.sort(key=lambda place: runs[place].seed)
        seeds = tuple(runs[place].seed for place in places)
        seconds, training_images = _effort([runs[place] for place in places])
        files = [runs[place].pseudo_labels for place in places]
        labelled = tuple(int(_record(path, ("accepted",))["accepted"]) for path in files if path is not None)
        weights = seed_weights(seeds, seed=seed)
        codes = [test.predicted[place] for place in places]
        counts = [confusion(test.targets[is_other], code[is_other], len(test.classes)) for code in codes]
        metrics = {key: column.mean(places, weights) for key, column in values.items()}
        rows[row] = RowResult(row, seeds, seconds, training_images, labelled, numbers, metrics, counts, codes[0])
    return AcrossResults(arms, rows, test, images)


def _effort(runs: Sequence[AcrossRun]) -> tuple[float, int]:
    """Seconds of training, mean over the runs of a row, and training images."""
    trainings = [[_record(path, ("seconds", "images")) for path in run.trainings] for run in runs]
    seconds = [sum(float(training["seconds"]) for training in members) for members in trainings]
    return float(np.mean(seconds)), int(trainings[0][0]["images"])


def _record(path: Path, keys: Sequence[str]) -> dict[str, Any]:
    """These values of a JSON file about a training."""
    try:
        training = json.loads(path.read_text("utf-8"))
        return {key: training[key] for key in keys}
    except (OSError, ValueError, KeyError, TypeError) as error:
        problem = f"cannot be read as the record of a training ({type(error).__name__}: {error})"
        raise InputError(path, problem, "Delete it and run the workflow again") from error
