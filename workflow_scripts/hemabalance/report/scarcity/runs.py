"""The trainings of the scarcity experiment, and the roles that recipes have in it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from hemabalance.errors import InputError

_SAME = "Train every recipe of an n with the same draws and seeds"


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


def check_runs(runs: Sequence[ScarcityRun], arms: ScarcityArms) -> None:
    """Check that the trainings can be compared in pairs.

    Raises:
        InputError: there is no training at some n; a training is listed twice; trainings on whole classes have draws;
            at some n a recipe lacks a draw or seed that another one has, or a recipe of `arms` has no training.
    """
    keys = Counter((run.recipe, run.n, run.draw, run.seed) for run in runs)
    for key, times in keys.items():
        if times > 1:
            raise InputError(_described(*key), f"is listed {times} times", "List each training once")
        if key[1] is None and key[2]:
            raise InputError(_described(*key), "is of classes that are not drawn from", "Give it the draw 0")
    ns = {run.n for run in runs if run.n is not None}
    if not ns:
        raise InputError("the scarcity experiment", "has no training with scarce classes", "Add trainings at some n")
    named = {arms.baseline, arms.line, arms.control, *arms.synthesis}
    _check_pairs(runs, None, {arms.ceiling})
    for n in sorted(ns):
        _check_pairs(runs, n, named)


def _check_pairs(runs: Sequence[ScarcityRun], n: int | None, named: set[str]) -> None:
    """Check that all recipes of an n have the same draws and seeds, and that each draw has as many seeds."""
    there = {(run.recipe, run.draw, run.seed) for run in runs if run.n == n}
    pairs = sorted({(draw, seed) for _, draw, seed in there})
    where = _place(n)
    for recipe in sorted(named - {recipe for recipe, _, _ in there}):
        raise InputError(f"the recipe {recipe}", f"has no training {where}, but a role in the comparison", _SAME)
    for recipe, (draw, seed) in product(sorted({recipe for recipe, _, _ in there}), pairs):
        if (recipe, draw, seed) not in there:
            problem = "is missing, while another recipe has it, so they cannot be compared in pairs"
            raise InputError(_described(recipe, n, draw, seed), problem, _SAME)
    seeds = Counter(draw for draw, _ in pairs)
    if len(set(seeds.values())) > 1:
        counted = ", ".join(f"draw {draw}: {count}" for draw, count in seeds.items())
        raise InputError(f"the trainings {where}", f"have different numbers of seeds ({counted})", _SAME)


def _described(recipe: str, n: int | None, draw: int, seed: int) -> str:
    return f"the training of {recipe} {_place(n)}, draw {draw}, seed {seed}"


def _place(n: int | None) -> str:
    return "on the whole classes" if n is None else f"at n = {n}"
