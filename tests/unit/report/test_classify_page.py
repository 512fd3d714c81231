"""The page with classifiers and balanced sets, and its opening section."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from helpers.browser import browser, figures_of, render_page
from helpers.classifier_runs import COUNTS, ClassifierRuns, history
from hemabalance.report.balance.figure import balance_figure
from hemabalance.report.balance.tables import balance_tables
from hemabalance.report.cells import write_csv
from hemabalance.report.classify.ablations import ablations_figure, ablations_table
from hemabalance.report.classify.comparisons import comparisons_table
from hemabalance.report.classify.curves import curves_figure
from hemabalance.report.classify.headline import headline, write_opening
from hemabalance.report.classify.scores import classify_tables
from hemabalance.report.page import write_page


@pytest.fixture(scope="module")
def page_folder(
    classifier_run_set: ClassifierRuns, audits: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """A folder with the tables and figures of a run, its `headline.json`, and its `report.html`."""
    folder = tmp_path_factory.mktemp("page")
    tables = {
        f"classify_{k}": v
        for k, v in classify_tables([one.scored for one in classifier_run_set.runs.values()], preset="thesis").items()
    }
    tables |= {"classify_comparisons": comparisons_table(classifier_run_set.comparisons)}
    tables |= {"classify_ablations": ablations_table(classifier_run_set.ablations, preset="thesis")}
    tables |= {f"balance_{name}": table for name, table in balance_tables(audits).items()}
    for name, table in tables.items():
        write_csv(table, folder / f"{name}.csv")
    balance_figure(audits[:1], folder / "balance_images_leak_free.svg")
    ablations_figure(classifier_run_set.ablations, folder / "classify_ablations.svg", preset="thesis")
    curves_figure({"balanced": history()}, folder / "classify_curves.svg")
    of = classifier_run_set.runs
    write_opening(
        headline(
            of["balanced"].scored,
            of["original"].scored,
            classifier_run_set.comparisons[0],
            [of["pooled"].scored],
            preset="thesis",
        ),
        folder / "headline.json",
    )
    write_opening({"sentence": "Recommended: “plain” & no other."}, folder / "recommendation.json")
    page(folder, "local")
    return folder


def page(folder: Path, origin: str) -> str:
    """Write the report of the files in a folder, and return its HTML."""
    write_page(
        folder / "report.html",
        run="made up",
        preset="thesis",
        taxonomy="thesis",
        origins={"mendeley": origin},
        tables=sorted(folder.glob("*.csv")),
        figures=sorted(folder.glob("*.svg")),
        receipts=[],
        headline=folder / "headline.json",
        recommendation=folder / "recommendation.json",
    )
    return (folder / "report.html").read_text("utf-8")


def text_of(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", html))


def test_the_page_opens_with_the_answer(classifier_run_set: ClassifierRuns, page_folder: Path) -> None:
    html = page(page_folder, "local")
    text = text_of(re.sub("<nav.*</nav>", "", html.partition("<body>")[2], flags=re.DOTALL))
    accuracy = "{value:.4f} ({low:.4f} to {high:.4f})".format(
        **classifier_run_set.runs["pooled"].scored.metric("accuracy")
    )
    order = [
        "Recommended: “plain” &amp; no other.",
        "Do synthetic images help",
        "Yes, on these images.",
        f"n = {sum(COUNTS.values()):,} real test images not used in any training, protocol leak_free",
        "(McNemar&#39;s exact test, p < 0.0001)",
        f"for comparison, measured protocol accuracy n balanced_thesis thesis {accuracy}",
        "These results can therefore be higher than on unseen images",
        "Reported by the thesis, not measured here",
        "The archives",
        "Training images by class, protocol leak_free",
        "All values are measured on test images without synthetic images",
        "Experiments (thesis Fig. 52)",
    ]
    places = [text.find(words.replace("<", "&lt;")) for words in order]
    assert places == sorted(places)
    assert places[0] >= 0
    assert "no evidence about real blood cells" not in text
    assert '<a href="#answer">' in html


def test_rendered_cells_are_no_evidence_even_in_the_answer(page_folder: Path) -> None:
    html = page(page_folder, "phantom")
    answer = text_of(html.partition('id="answer"')[2].partition("</section>")[0])
    assert "the numbers are no evidence about real blood cells" in answer
    assert f"n = {sum(COUNTS.values()):,} rendered test images" in answer
    assert "it is no evidence about real blood cells" in text_of(html)


def test_every_picture_of_the_page_shows(page_folder: Path, tmp_path: Path) -> None:
    html = page(page_folder, "local")
    count = len(re.findall("<img ", html))
    assert count == len(list(page_folder.glob("*.svg"))) == 3
    figures = figures_of(html)
    assert len(figures) == count
    for figure in figures:
        root = ElementTree.fromstring(figure)
        assert all(float(root.attrib[side].removesuffix("pt")) > 0 for side in ("width", "height"))
    if browser():  # where none can be installed, what is above must do
        rendered = render_page(html, tmp_path)
        assert (rendered.errors, rendered.console) == ([], [])
        assert len(rendered.sizes) == count
        assert all(min(sizes) > 100 for sizes in rendered.sizes), rendered


def test_a_run_that_compares_nothing_opens_without_a_headline(tmp_path: Path) -> None:
    write_opening(None, tmp_path / "headline.json")
    write_opening(None, tmp_path / "recommendation.json")
    write_csv(comparisons_table([]), tmp_path / "classify_comparisons.csv")
    html = page(tmp_path, "local")
    assert 'id="answer"' not in html
    assert 'id="recommendation"' not in html
    assert "this run has no two experiments that config compares" in text_of(html)


def test_the_report_does_not_load_pytorch() -> None:
    names = [
        "balance.figure", "balance.tables", "classify.ablations", "classify.bars", "classify.classes",
        "classify.comparisons", "classify.confusion", "classify.curves", "classify.examples", "classify.headline",
        "classify.recommendation", "classify.reliability", "classify.scores", "page",
    ]  # fmt: skip
    loads = "".join(f"import hemabalance.report.{name}\n" for name in names)
    done = subprocess.run([sys.executable, "-c", f"import sys\n{loads}assert 'torch' not in sys.modules"], check=False)
    assert done.returncode == 0
