"""The page of the scarcity experiment: the sentence, the tables and the curve in one HTML file that works offline."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.report.answer_page import write_answer_page
from hemabalance.report.items import figure_item, table_item
from hemabalance.report.scarcity.runs import ScarcityPaths
from hemabalance.report.verdict import EQUIVALENT

QUESTION = "Do synthetic images help classes that have few images?"
"""Heading of the answer."""

TITLES = {
    "curve": (
        "Rare-class macro-F1 over the number of training images",
        "Mean F1 of the scarce classes on real test images. Bands and bars: 95 % intervals.",
    ),
    "differences": (
        "Differences of recipes, paired by draw, seed and test image",
        "Each recipe less the line to beat; the line less the baseline, which has class-balanced sampling only; each "
        "synthesis less the control, in which repeats of real images fill the synthetic part of each batch. The column "
        f"reading is about rare-class macro-F1: gain or loss if the interval excludes 0, no difference if it lies "
        f"within ±{EQUIVALENT:.2f}, else not answered.",
    ),
    "gap": (
        "Share of the gap to the ceiling that is recovered",
        "(recipe - baseline) / (ceiling - baseline) in rare-class macro-F1. The column ceiling names a recipe trained "
        "on the whole classes: the ceiling of the experiment, and the baseline itself, the same model with all images. "
        "Not available unless the interval of the gap is above 0.",
    ),
    "scores": (
        "Scores of all recipes",
        "Means over trainings, on real test images. Rare macro-F1 and recalls are of the scarce classes; balanced "
        "accuracy is the mean over all classes.",
    ),
}


_ADDED = (
    "Synthetic images of the first draw of each n, beside the real ones: in the order in which they were generated, as "
    "they stand in the balanced set. No image is chosen by its looks."
)


def write_scarcity_page(
    answer: Mapping[str, Any], paths: ScarcityPaths, sheets: Sequence[dict[str, Any]], *, run: str, seed: int
) -> None:
    """Write the page from the tables and the curve, which must exist.

    Args:
        answer: result of `sentence.answer`.
        paths: the tables and the curve to show, and the page to write.
        sheets: contact sheets of what was added, items of the page; may be empty.
        run: name of the run.
        seed: seed of the config.
    """
    items = [
        (figure_item if name == "curve" else table_item)(getattr(paths, name), title=title, note=note)
        for name, (title, note) in TITLES.items()
    ]
    sections = [{"name": "scarcity", "title": "Results", "note": answer["numbers"], "shown": items}]
    if sheets:
        sections.append({"name": "added", "title": "What was added", "note": _ADDED, "shown": sheets})
    write_answer_page(
        paths.page,
        experiment="scarcity experiment",
        run=run,
        question=QUESTION,
        sentence=answer["sentence"],
        lines=[answer["note"]],
        sections=sections,
        seed=seed,
    )
