"""The page of the scarcity experiment: the sentence, the tables and the curve in one HTML file that works offline."""

from collections.abc import Mapping, Sequence
from typing import Any

from hemabalance.files import atomic_path
from hemabalance.report.items import environment, figure_item, table_item
from hemabalance.report.scarcity.runs import ScarcityPaths
from hemabalance.report.scarcity.verdict import EQUIVALENT

_TEMPLATE = """{% extends "page.html" %}
{% block opening %}
<h1>hemabalance: scarcity experiment of run “{{ run }}”</h1>
<section class="answer" id="answer">
<h2>Do synthetic images help classes that have few images?</h2>
<p class="statement">{{ answer.sentence }}</p>
<p>{{ answer.note }}</p>
</section>
{% endblock %}
"""

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
    answer: Mapping[str, Any], paths: ScarcityPaths, sheets: Sequence[Mapping[str, Any]], *, run: str
) -> None:
    """Write the page from the tables and the curve, which must exist.

    Args:
        answer: result of `sentence.answer`.
        paths: the tables and the curve to show, and the page to write.
        sheets: contact sheets of what was added, items of the page; may be empty.
        run: name of the run.
    """
    items = [
        (figure_item if name == "curve" else table_item)(getattr(paths, name), title=title, note=note)
        for name, (title, note) in TITLES.items()
    ]
    sections = [{"name": "scarcity", "title": "Results", "note": answer["numbers"], "shown": items}]
    if sheets:
        sections.append({"name": "added", "title": "What was added", "note": _ADDED, "shown": sheets})
    html = environment().from_string(_TEMPLATE).render(run=run, answer=answer, sections=sections)
    with atomic_path(paths.page) as part:
        part.write_text(html, "utf-8")
