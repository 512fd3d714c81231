"""Write the tables, the curve, the sentence and the page of the scarcity experiment."""

from collections.abc import Sequence

import pandas as pd

from hemabalance.files import write_json
from hemabalance.report.cells import write_csv
from hemabalance.report.scarcity.added import AddedImages, added_item
from hemabalance.report.scarcity.curve import curve_figure
from hemabalance.report.scarcity.differences import differences
from hemabalance.report.scarcity.gap import gap
from hemabalance.report.scarcity.page import write_scarcity_page
from hemabalance.report.scarcity.results import read_results
from hemabalance.report.scarcity.runs import ScarcityArms, ScarcityPaths, ScarcityRun
from hemabalance.report.scarcity.scores import scores
from hemabalance.report.scarcity.sentence import answer


def write_scarcity(
    runs: Sequence[ScarcityRun],
    arms: ScarcityArms,
    paths: ScarcityPaths,
    *,
    seed: int,
    run: str = "",
    added: Sequence[AddedImages] = (),
) -> None:
    """Write everything that `paths` lists, and the contact sheets of `added`.

    Args:
        runs: all trainings. Every recipe named in `arms` is there at each n, and all recipes of an n have the same
            draws and seeds; the ceiling has trainings with n None.
        arms: roles of the recipes.
        paths: files to write.
        seed: seed of the resamples.
        run: name of the run, for the page.
        added: synthetic images to show on the page.

    Raises:
        InputError: a training is listed twice or lacks its pair, a recipe of `arms` has no training, a scarce class has
            no test image, a table of predictions cannot be read or is of other images or classes than the first, or
            images of `added` cannot be read.
    """
    results = read_results(runs, arms, seed=seed)
    tables = {paths.scores: scores, paths.differences: differences, paths.gap: gap}
    for path, rows in tables.items():
        write_csv(pd.DataFrame(rows(results)), path)
    curve_figure(results, paths.curve)
    content = answer(results)
    write_json(content, paths.sentence)
    sheets = [added_item(images, arms.classes) for images in added]
    write_scarcity_page(content, paths, sheets, run=run, seed=seed)
