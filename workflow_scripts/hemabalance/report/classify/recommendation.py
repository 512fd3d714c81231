"""The line of the page about the recommended experiment, and by how much it is better than the thesis's method."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.metrics.classification import METRICS
from hemabalance.metrics.resampling import Estimate
from hemabalance.metrics.run_resampling import Resampled, resampled_runs, seed_weights
from hemabalance.report.cells import NOT_AVAILABLE, counted, with_interval
from hemabalance.report.shared_predictions import read_shared_predictions
from hemabalance.report.verdict import GAIN, LOSS, verdict

_METRIC = "balanced_accuracy"
_PLACES = 3
_READINGS = {GAIN: "better than", LOSS: "worse than"}
_NOT_SHOWN = "not shown to be better than"
_NOT_ON_PAGE = "not among the experiments of this page (“shown: true” lists it, or `snakemake experiments`)"


@dataclass(frozen=True)
class ComparedExperiment:
    """The recommended experiment or average, or the thesis's method.

    Attributes:
        name: name in config.
        members: `name, recipe, model` of the experiment, or of each experiment of the average.
        protocol: protocol of its trainings.
        seeds: seeds of its trainings; empty if it is not on the page.
        predictions: `predictions.parquet` of each training, in the order of the seeds.
    """

    name: str
    members: Sequence[Mapping[str, str]]
    protocol: str
    seeds: Sequence[int]
    predictions: Sequence[Path]

    @property
    def trainings(self) -> list[tuple[int, Path]]:
        """Seed and predictions of each training, ascending by seed."""
        return sorted(zip(self.seeds, self.predictions, strict=True))

    @property
    def content(self) -> str:
        """Recipe and model in words; those of each member of an average."""
        words = [f"recipe {member['recipe']}, model {member['model']}" for member in self.members]
        if len(words) == 1:
            return words[0]
        named = [f"“{member['name']}”: {text}" for member, text in zip(self.members, words, strict=True)]
        return f"the average of {'; '.join(named)}"


def recommendation(recommended: ComparedExperiment, thesis: ComparedExperiment | None, *, seed: int) -> dict[str, Any]:
    """What the page says about the recommended experiment.

    Scores are means over trainings. Intervals are those of a bootstrap that draws the seeds and, within their class,
    the test images; the difference is paired by image, and by seed if both have the same seeds.

    Args:
        recommended: the experiment that the config recommends.
        thesis: the complete method of the thesis; None if the config names none.
        seed: seed of the resamples.

    Returns:
        JSON values `sentence`; `recommended, thesis` (names, null for none), `seeds, thesis_seeds`, `n`;
        `balanced_accuracy` and `difference` to that of the thesis's method: `value, low, high, n`, null if not
        available; `verdict` on the difference, null likewise.

    Raises:
        InputError: predictions cannot be read, or are of other test images, labels or classes than the first.
    """
    compared = _is_comparable(recommended, thesis)
    score, difference = _estimates(recommended, thesis if compared else None, seed=seed)
    reading = None if difference is None else verdict(difference)
    opening = f"Recommended: “{recommended.name}” ({recommended.content})."
    return {
        "sentence": f"{opening} {_score_text(recommended, score)} {_difference_text(recommended, thesis, difference)}",
        "recommended": recommended.name,
        "thesis": thesis and thesis.name,
        "seeds": sorted(recommended.seeds),
        "thesis_seeds": sorted(thesis.seeds) if thesis else [],
        "n": score.n if score else 0,
        _METRIC: score and score._asdict(),
        "difference": difference and difference._asdict(),
        "verdict": reading,
    }


def _is_comparable(recommended: ComparedExperiment, thesis: ComparedExperiment | None) -> bool:
    if thesis is None or thesis.name == recommended.name:
        return False
    return thesis.protocol == recommended.protocol and bool(thesis.seeds)


def _estimates(
    recommended: ComparedExperiment, thesis: ComparedExperiment | None, *, seed: int
) -> tuple[Estimate | None, Estimate | None]:
    """The balanced accuracy, and its difference to that of the thesis's method; None where not available."""
    groups = [group.trainings for group in (recommended, thesis) if group is not None]
    if not groups[0]:
        return None, None
    test = read_shared_predictions([path for group in groups for _, path in group])
    if not (n := len(test.targets)):
        return None, None
    of = {_METRIC: METRICS[_METRIC]}
    runs = resampled_runs(test.targets, test.predicted, of, classes=len(test.classes), seed=seed)[_METRIC]
    means: list[Resampled] = []
    start = 0
    for group in groups:
        places = range(start, start := start + len(group))
        means.append(runs.mean(places, seed_weights([number for number, _ in group], seed=seed)))
    return means[0].estimate(n), means[0].less(means[1]).estimate(n) if len(means) > 1 else None


def _score_text(recommended: ComparedExperiment, score: Estimate | None) -> str:
    if score is None:
        why = "no test image" if recommended.seeds else _NOT_ON_PAGE
        return f"Balanced accuracy {NOT_AVAILABLE}: {why}."
    return (
        f"Balanced accuracy {with_interval(score._asdict(), _PLACES)}, n = {score.n:,} test images, "
        f"{counted(len(recommended.seeds), 'training')}."
    )


def _difference_text(
    recommended: ComparedExperiment, thesis: ComparedExperiment | None, difference: Estimate | None
) -> str:
    if thesis is None:
        return "There is nothing to compare it with: the config names no complete method (classify.ablations)."
    if thesis.name == recommended.name:
        return "It is the thesis's method itself."
    method = f"the thesis's method, “{thesis.name}” ({thesis.content}"
    if difference is not None:
        has_seeds = max(len(recommended.seeds), len(thesis.seeds)) > 1
        return (
            f"It is {_READINGS.get(verdict(difference), _NOT_SHOWN)} {method}, "
            f"{counted(len(thesis.seeds), 'training')}): difference "
            f"{with_interval(difference._asdict(), _PLACES, is_signed=True)}, paired, with an interval over "
            f"{'trainings and test images' if has_seeds else 'test images'}."
        )
    if thesis.protocol != recommended.protocol:
        why = f"that is of the protocol {thesis.protocol}, with other test images"
    else:
        why = "there is no result of the recommended one" if thesis.seeds else f"that is {_NOT_ON_PAGE}"
    return f"Not compared with {method}): {why}."
