"""The trainings of the scarcity experiment, and the roles that recipes have in it."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class ScarcityRun:
    """One training.

    Attributes:
        recipe: name of the recipe.
        n: training images of each scarce class; None for a training on the whole classes.
        draw: number of the draw of the n images; 0 without n.
        seed: seed of the initialisation and of the batches.
        predictions: `predictions.parquet` of the real test images.
    """

    recipe: str
    n: int | None
    draw: int
    seed: int
    predictions: Path


@dataclass(frozen=True)
class ScarcityArms:
    """What recipes stand for, fixed before the test images are seen.

    Attributes:
        classes: the scarce classes.
        baseline: recipe with class-balanced sampling, from which the gap to the ceiling is measured.
        line: best recipe without synthetic images, the line to beat.
        control: recipe with repeats of real images in place of the synthetic part of each batch.
        synthesis: recipes with synthetic images, at least one; the first is the one that the sentence speaks of.
        ceiling: recipe whose trainings with n None, on the whole classes, are the ceiling.
    """

    classes: tuple[str, ...]
    baseline: str
    line: str
    control: str
    synthesis: tuple[str, ...]
    ceiling: str


@dataclass(frozen=True)
class ScarcityPaths:
    """Files to write: `scores`, `differences`, `gap` CSV, `curve` SVG, `sentence` JSON, `page` HTML."""

    scores: Path
    differences: Path
    gap: Path
    curve: Path
    sentence: Path
    page: Path
