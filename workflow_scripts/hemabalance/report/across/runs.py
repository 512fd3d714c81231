"""The rows of the experiment across laboratories, and the roles that they have in it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hemabalance.errors import InputError


@dataclass(frozen=True)
class AcrossRun:
    """One row with one seed.

    Attributes:
        row: name of the row.
        seed: seed of its trainings.
        predictions: `predictions.parquet` of the test images of the source with labels, and of all images of the other
            sources.
        trainings: `training.json` of the networks behind the row, its own first: one, or several for an average of
            networks, or where a network labelled images for another.
        pseudo_labels: `accepted.json` of the images with predicted labels that its network was also trained on; None
            for most rows.
    """

    row: str
    seed: int
    predictions: Path
    trainings: tuple[Path, ...]
    pseudo_labels: Path | None = None


@dataclass(frozen=True)
class RowDescription:
    """How a row predicts images; of an average of rows, only `members` says something.

    Attributes:
        model: name of the model.
        normalizer: name of the normaliser that images of other sources go through; None for untouched images.
        poses: whether probabilities are averaged over the poses of an image.
        zooms: scales over which probabilities are averaged.
        statistics: means and variances of batch normalisation: of the training, or of the images to predict.
        members: names of the rows that an average consists of; empty for a row with a model.
        pseudo_labels: name of the row that labels images of other sources, which the model is also trained on; None for
            a model of the source with labels alone.
    """

    model: str
    normalizer: str | None
    poses: bool
    zooms: tuple[float, ...]
    statistics: Literal["training", "images"]
    members: tuple[str, ...] = ()
    pseudo_labels: str | None = None

    @property
    def uses_other_images(self) -> bool:
        """Whether images of other sources are used, without their labels; an average says nothing about its members."""
        return self.normalizer is not None or self.statistics == "images" or self.pseudo_labels is not None


@dataclass(frozen=True)
class AcrossArms:
    """What rows stand for, fixed before the half that no fit saw is predicted.

    Attributes:
        source: the only source whose labels the trainings see.
        baseline: row from which gains are measured.
        leading: row that the sentence speaks of.
        thesis: row with the thesis's own normaliser; None for none.
        descriptions: row -> how it predicts images, of all rows and members of averages.
    """

    source: str
    baseline: str
    leading: str
    thesis: str | None
    descriptions: Mapping[str, RowDescription]

    def uses_other_images(self, row: str) -> bool:
        """Whether a row uses images of other sources, without their labels; for an average: any of its members."""
        rows = (self.descriptions[name] for name in (row, *self.descriptions[row].members))
        return any(entry.uses_other_images for entry in rows)

    @property
    def named(self) -> dict[str, str]:
        """Role -> row."""
        roles = {"baseline": self.baseline, "leading": self.leading, "thesis's normaliser": self.thesis}
        return {role: row for role, row in roles.items() if row is not None}


@dataclass(frozen=True)
class AcrossPaths:
    """Files to write: `scores`, `differences`, `classes` CSV, `confusion`, `mistakes` SVG, `sentence` JSON, `page`."""

    scores: Path
    differences: Path
    classes: Path
    confusion: Path
    mistakes: Path
    sentence: Path
    page: Path


def check_runs(runs: Sequence[AcrossRun], arms: AcrossArms) -> None:
    """Check that rows and roles fit together.

    Raises:
        InputError: a row is listed twice with one seed or has no training; a row or a member of an average has no
            description; a row with a role in the comparison is not among the runs.
    """
    for (row, seed), times in Counter((run.row, run.seed) for run in runs).items():
        if times > 1:
            files = ", ".join(str(run.predictions) for run in runs if (run.row, run.seed) == (row, seed))
            problem = f"is listed {times} times with the seed {seed} ({files})"
            raise InputError(f"the row {row}", problem, "List each row once with each seed")
    for run in runs:
        if not run.trainings:
            problem = f"has no training.json of the network behind it, seed {run.seed} ({run.predictions})"
            raise InputError(f"the row {run.row}", problem, "List the training.json of each network of the row")
    there = {run.row for run in runs}
    for role, row in arms.named.items():
        if row not in there:
            problem = f"has no predictions, but the role “{role}” in the comparison"
            raise InputError(f"the row {row}", problem, "Name a row that there is, or add this one")
    for row in sorted(there):
        for name in (row, *(arms.descriptions[row].members if row in arms.descriptions else ())):
            if name not in arms.descriptions:
                raise InputError(f"the row {name}", "has no description", "Describe each row and member of an average")
