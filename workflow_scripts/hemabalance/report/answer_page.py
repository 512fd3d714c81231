"""The page of an experiment: the question, its answer in a sentence, tables and figures in one HTML file."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hemabalance.report.items import environment
from hemabalance.report.layout import by_method, with_files, write_html
from hemabalance.report.provenance import provenance

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
    sections: Sequence[dict[str, Any]],
    seed: int | None = None,
) -> None:
    """Write a page that works offline.

    Args:
        path: HTML file to write.
        experiment: name of the experiment, and `run`: of the run.
        question: heading of the answer.
        sentence: the answer.
        lines: paragraphs below the answer.
        sections: `name, title, note, shown`, the last being items of `items.table_item` and `items.figure_item`.
        seed: seed of the config, for the block on where the page comes from; None for a page without this block.
    """
    values = {"experiment": experiment, "question": question, "sentence": sentence, "lines": lines}
    write_html(
        environment().from_string(_TEMPLATE),
        path,
        run=run,
        sections=[section | by_method(with_files(section["shown"], path)) for section in sections],
        provenance=[] if seed is None else provenance(seed),
        **values,
    )
