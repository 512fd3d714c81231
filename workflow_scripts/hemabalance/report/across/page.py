"""The page of the experiment across laboratories: the sentence, the tables and the figures in one HTML file."""

from collections.abc import Mapping
from typing import Any

from hemabalance.report.across.runs import AcrossPaths
from hemabalance.report.answer_page import write_answer_page
from hemabalance.report.items import figure_item, table_item
from hemabalance.report.verdict import EQUIVALENT

QUESTION = "How well does a classifier do on images of a laboratory whose labels it was not trained on?"
"""Heading of the answer."""

_SECTIONS = {
    "rows": ("Rows", "", ("scores", "differences")),
    "mistakes": (
        "Classes and mistakes",
        "Images of other sources, of both halves, of the classes that the source with labels has.",
        ("classes", "confusion", "mistakes"),
    ),
}

TITLES = {
    "scores": (
        "Scores of all rows",
        "Accuracy on the half of the other sources' images that no fit saw; on the other half, by which settings may "
        "be chosen and whose images, not labels, normalisers, batch statistics and trainings under predicted labels "
        "may see; on all of them; and on the test images of the source with labels (own test). uses other images: "
        "whether the row uses images of the other sources. training seconds: mean over seeds; of an average, the sum "
        "of all its networks; with predicted labels, with the network that predicted them.",
    ),
    "differences": (
        "Differences of rows in accuracy",
        "Each row less the baseline, and less the leading row. The column reading: gain or loss if the interval "
        f"excludes 0, no difference if it lies within ±{EQUIVALENT:.2f}, else not answered.",
    ),
    "classes": (
        "Recall of each class",
        "On all images of other sources: correct of n images of the class, mean over seeds.",
    ),
    "confusion": (
        "Confusion matrix of the leading row",
        "On all images of other sources, with the first of its seeds.",
    ),
    "mistakes": (
        "Images that the leading row misclassifies",
        "Of all images of other sources, with the first of its seeds: true class, then the predicted one.",
    ),
}


def write_across_page(answer: Mapping[str, Any], paths: AcrossPaths, *, run: str, seed: int) -> None:
    """Write the page from the tables and figures, which must exist.

    Args:
        answer: result of `sentence.answer`.
        paths: the tables and figures to show, and the page to write.
        run: name of the run.
        seed: seed of the config.
    """
    sections = [
        {
            "name": name,
            "title": title,
            "note": note or answer["numbers"],
            "shown": [_item(paths, file) for file in files],
        }
        for name, (title, note, files) in _SECTIONS.items()
    ]
    write_answer_page(
        paths.page,
        experiment="experiment across laboratories",
        run=run,
        question=QUESTION,
        sentence=answer["sentence"],
        lines=[answer["unseen"], answer["note"]],
        sections=sections,
        seed=seed,
    )


def _item(paths: AcrossPaths, name: str) -> dict[str, Any]:
    path, (title, note) = getattr(paths, name), TITLES[name]
    return (figure_item if path.suffix == ".svg" else table_item)(path, title=title, note=note)
