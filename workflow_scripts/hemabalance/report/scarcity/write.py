"""Write the tables, the curve, the sentence and the page of the scarcity experiment."""

from collections.abc import Sequence

from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityPaths, ScarcityRun


def write_scarcity(runs: Sequence[ScarcityRun], arms: ScarcityArms, paths: ScarcityPaths, *, seed: int) -> None:
    """Write everything that `paths` lists.

    Args:
        runs: all trainings. Every recipe named in `arms` is there at each n, and all recipes of an n have the same
            draws and seeds; the ceiling has trainings with n None.
        arms: roles of the recipes.
        paths: files to write.
        seed: seed of the resamples.

    Raises:
        InputError: a training is listed twice or lacks its pair, a recipe of `arms` has no training, a scarce class has
            no test image, or a table of predictions cannot be read or is of other images or classes than the first.
    """
    raise NotImplementedError
