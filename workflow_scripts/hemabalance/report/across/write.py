"""Write the tables, the figures, the sentence and the page of the experiment across laboratories."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.files import write_json
from hemabalance.report.across.mistakes import mistakes_sheet
from hemabalance.report.across.page import write_across_page
from hemabalance.report.across.predictions import ALL
from hemabalance.report.across.results import AcrossResults, read_results
from hemabalance.report.across.runs import AcrossArms, AcrossPaths, AcrossRun
from hemabalance.report.across.scores import classes, differences, scores
from hemabalance.report.across.sentence import answer
from hemabalance.report.cells import write_csv
from hemabalance.report.confusion_matrix import confusion_matrix_figure


def write_across(
    runs: Sequence[AcrossRun],
    arms: AcrossArms,
    paths: AcrossPaths,
    *,
    split: Path,
    images: tuple[Path, Path],
    seed: int,
    run: str = "",
) -> None:
    """Write everything that `paths` lists.

    Args:
        runs: all rows with all their seeds, in the order of the tables; all predict the same images.
        arms: roles and descriptions of the rows.
        paths: files to write.
        split: the split of the protocol (`dataset.splits.SCHEMA`).
        images: zip and index of an image set that has the images of all other sources, for the contact sheet.
        seed: seed of the resamples.
        run: name of the run, for the page.

    Raises:
        InputError: as `runs.check_runs` and `predictions.divide_images`; a table of predictions cannot be read or is of
            other images, labels or classes than the first; a training.json or the image set cannot be read, or lacks an
            image.
    """
    results = read_results(runs, arms, split, seed=seed)
    for path, rows in {paths.scores: scores, paths.differences: differences, paths.classes: classes}.items():
        write_csv(pd.DataFrame(rows(results)), path)
    _draw_leading(results, paths, images, seed)
    content = answer(results)
    write_json(content, paths.sentence)
    write_across_page(content, paths, run=run, seed=seed)


def _draw_leading(results: AcrossResults, paths: AcrossPaths, images: tuple[Path, Path], seed: int) -> None:
    """Draw the confusion matrix and the mistakes of the leading row with its first seed."""
    leading, labels = results.leading, results.test.classes
    heading = f"{leading.row}, seed {leading.seeds[0]}, labels of {results.arms.source}, images of {results.others}"
    confusion_matrix_figure(leading.counts[0], labels, paths.confusion, heading=heading)
    mask = results.images.parts[ALL]
    table = results.test.images[mask].assign(predicted=np.array(labels)[leading.predicted[mask]])
    with ImageSet(*images) as image_set:
        mistakes_sheet(table, image_set, paths.mistakes, heading=heading, seed=seed)
