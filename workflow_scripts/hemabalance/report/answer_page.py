"""The page of an experiment: the question, its answer in a sentence, tables and figures in one HTML file."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.files import atomic_path
from hemabalance.report.items import environment

_TEMPLATE = """{% extends "page.html" %}
{% block opening %}
<h1>hemabalance: {{ experiment }} of run “{{ run }}”</h1>
<section class="answer" id="answer">
<h2>{{ question }}</h2>
<p class="statement">{{ sentence }}</p>
{% for line in lines %}
<p>{{ line }}</p>
{% endfor %}
</section>
{% endblock %}
{% block links %}
<li><a href="#answer">The answer</a></li>
{% endblock %}
{% block archives %}{% endblock %}
"""


def write_answer_page(
    path: Path,
    *,
    experiment: str,
    run: str,
    question: str,
    sentence: str,
    lines: Sequence[str],
    sections: Sequence[Mapping[str, Any]],
) -> None:
    """Write a page that works offline.

    Args:
        path: HTML file to write.
        experiment: name of the experiment, and `run`: of the run.
        question: heading of the answer.
        sentence: the answer.
        lines: paragraphs below the answer.
        sections: `name, title, note, shown`, the last being items of `items.table_item` and `items.figure_item`.
    """
    values = {"experiment": experiment, "question": question, "sentence": sentence, "lines": lines}
    html = environment().from_string(_TEMPLATE).render(run=run, sections=sections, **values)
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")
