"""The page of the scarcity experiment: the sentence, the tables and the curve in one HTML file that works offline."""

from collections.abc import Mapping
from typing import Any

from hemabalance.files import atomic_path
from hemabalance.report.items import environment, figure_item, table_item
from hemabalance.report.scarcity.results import ScarcityResults
from hemabalance.report.scarcity.runs import ScarcityPaths
from hemabalance.report.scarcity.verdict import ENOUGH_DRAWS, ENOUGH_SEEDS, EQUIVALENT

_TEMPLATE = """{% extends "page.html" %}
{% block opening %}
<h1>hemabalance: scarcity experiment of run “{{ run }}”</h1>
<section class="answer" id="answer">
<h2>Do synthetic images help classes that have few images?</h2>
<p class="statement">{{ answer.sentence }}</p>
<p>{{ note }}</p>
</section>
{% endblock %}
"""

_TITLES = {
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
        "(recipe - baseline) / (ceiling - baseline) in rare-class macro-F1; the ceiling is trained on the whole "
        "classes. Not available unless the interval of the gap is above 0.",
    ),
    "scores": (
        "Scores of all recipes",
        "Means over trainings, on real test images. Rare macro-F1 and recalls are of the scarce classes; balanced "
        "accuracy is the mean over all classes.",
    ),
}


def write_scarcity_page(results: ScarcityResults, answer: Mapping[str, Any], paths: ScarcityPaths, *, run: str) -> None:
    """Write the page from the tables and the curve, which must exist.

    Args:
        results: results of all recipes.
        answer: result of `sentence.answer`.
        paths: the tables and the curve to show, and the page to write.
        run: name of the run.
    """
    items = [
        (figure_item if name == "curve" else table_item)(getattr(paths, name), title=title, note=note)
        for name, (title, note) in _TITLES.items()
    ]
    section = {"name": "scarcity", "title": "Results", "note": _numbers(results), "shown": items}
    html = environment().from_string(_TEMPLATE).render(run=run, answer=answer, note=_note(results), sections=[section])
    with atomic_path(paths.page) as part:
        part.write_text(html, "utf-8")


def _note(results: ScarcityResults) -> str:
    names = ", ".join(results.arms.synthesis)
    return (
        f"Recipes with synthetic images: {names}. The sentence is about the first of them, and about the smallest n; "
        "both, and the line to beat, are fixed before the test images are seen. An answer is preliminary below "
        f"{ENOUGH_DRAWS} draws of the n images or {ENOUGH_SEEDS} initialisations of each."
    )


def _numbers(results: ScarcityResults) -> str:
    classes = ", ".join(label.replace("_", " ") for label in results.arms.classes)
    return (
        f"Scarce classes: {classes}. Test images: {results.ceiling.images:,} real ones, the same for all recipes. 95 % "
        "intervals by a bootstrap that draws draws, seeds and test images; the column intervals over says which of "
        "them vary in a row: with one draw, the interval says nothing about other draws of the n images."
    )
