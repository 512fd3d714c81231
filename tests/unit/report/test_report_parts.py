"""Parts of the page: checklist, small pictures, where it comes from, glossary, folding, values of the thesis, print."""

import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from pypdf import PdfReader

from helpers.browser import browser, print_page
from helpers.photographs import photograph
from helpers.project import ROOT
from hemabalance.bookkeeping.run_origin import COMMAND, CONFIG, hand_to_jobs
from hemabalance.report.answer_page import write_answer_page
from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.checks import NO, YES, Check, Tables, checks, shown_training
from hemabalance.report.first_screen import pictures
from hemabalance.report.glossary import GLOSSARY
from hemabalance.report.items import table_item
from hemabalance.report.layout import by_method, terms_in, with_files
from hemabalance.report.page import write_page
from hemabalance.report.provenance import provenance
from hemabalance.report.sheets import draw_strip, strip_rows
from hemabalance.report.style import save_figure

HEADLINE = {"a": "filled", "protocol": "leak_free", "seed": 1}
MODELS = "experiment,protocol,seed,model,recipe,measured_accuracy,calibration_error,calibration_error_low,"
MODELS += "calibration_error_high\nplain,leak_free,1,m,bare,0.8,0.010,0.005,0.020\n"
MODELS += "filled,leak_free,1,m,full,0.9,{ece},0.003,0.090\n"
LEAKS = "recipe,protocol,who,checked,images,test_images,copies,in_no_manifest\n"
LEAKS += "bare,leak_free,normalizer n,by name,9,7,7,7\n"
LEAKS += "full,leak_free,normalizer n,by name,9,0,0,0\nfull,leak_free,generator g,by name,9,{seen},0,0\n"
CLASSES = "class,experiment,protocol,seed,n\nrare_one,filled,leak_free,1,{n}\ncommon,filled,leak_free,1,90\n"
MEMORY = "generator,classes,class,images,n,copies,share_low,share_high\ng,all,all,generated,40,{copied},{low},0.9\n"
MEMORY += 'g,all,all,"real, held back",40,1,0.001,0.10\n'
SEEDS = "experiment,protocol,seeds,n_seeds,mean_accuracy,sd_accuracy\nfilled,leak_free,{seeds},{count},0.9,{sd}\n"
STATUSES = "source,kept,duplicate,near_duplicate,conflict\na,1000,2,3,0\nb,234,0,0,4\n"


def tables(folder: Path, good: bool) -> Tables:
    """Tables of a run that can be trusted, or cannot."""
    cells = (
        {"ece": "0.020", "seen": 0, "n": 10, "copied": 2, "low": 0.05, "seeds": '"1, 2"', "count": 2, "sd": "0.01"}
        if good
        else {"ece": "0.060", "seen": 3, "n": 9, "copied": 30, "low": 0.5, "seeds": 1, "count": 1, "sd": NOT_AVAILABLE}
    )
    files = {
        "classify_models.csv": MODELS, "balance_leaks.csv": LEAKS, "classify_classes.csv": CLASSES,
        "synthesis_memory_leak_free.csv": MEMORY, "classify_seeds.csv": SEEDS, "statuses.csv": STATUSES,
    }  # fmt: skip
    for name, text in files.items():
        (folder / name).write_text(text.format(**cells), "utf-8")
    return Tables({name: folder / name for name in files})


def checklist(cells: Tables, *, phantom: bool = False) -> list[Check]:
    return checks(cells, shown_training(cells, HEADLINE), phantom=phantom)


def sheet(path: Path, rows: Mapping[str, int]) -> None:
    """A sheet with a strip of so many photographs for each text."""
    figure, axes = strip_rows(len(rows), 9, 0.9)
    for axis, (text, count) in zip(axes, rows.items(), strict=True):
        draw_strip(axis, [photograph(number) for number in range(count)], text, 9)
    save_figure(figure, path)


# --- can I trust it


def test_a_run_that_can_be_trusted_passes_every_check(tmp_path: Path) -> None:
    lines = checklist(tables(tmp_path, good=True))
    assert [line.mark for line in lines] == [YES] * 7
    figures = " | ".join(line.figure for line in lines)
    for words in (
        "2 audits: 0 test images, 0 copies of them, 0 of unknown origin",
        "2 same, 3 near-duplicates, 4 with labels that conflict; 1,234 kept",
        "g, all classes: 2 of 40 draws, 1 of 40 real images held back",
        "smallest: rare one with n = 10, of 100 in all |",
        "2 seeds (1, 2): accuracy 0.9, standard deviation 0.01",
        "ECE 0.020 (0.003 to 0.090)",
    ):
        assert words in figures
    assert all((tmp_path / line.table).is_file() for line in lines if line.table)


def test_a_run_that_cannot_be_trusted_fails_them(tmp_path: Path) -> None:
    lines = checklist(tables(tmp_path, good=False), phantom=True)
    assert [line.mark for line in lines] == [NO, NO, YES, NO, NO, NO, NO]
    assert "3 test images" in lines[1].figure
    assert "1 of 2 classes have fewer" in lines[4].figure
    assert lines[5].figure == "1 seed (1)"


def test_what_the_tables_do_not_say_is_not_available(tmp_path: Path) -> None:
    lines = checks(Tables({}), shown_training(Tables({}), HEADLINE), phantom=False)
    assert [line.mark for line in lines] == [YES] + [NOT_AVAILABLE] * 6
    cells = tables(tmp_path, good=True)
    (tmp_path / "synthesis_memory_leak_free.csv").write_text(MEMORY.partition("\n")[0] + "\n", "utf-8")
    assert checklist(cells)[3][1:] == (NOT_AVAILABLE, "not measured", "")


def test_the_training_is_that_of_the_headline_or_the_first(tmp_path: Path) -> None:
    cells = tables(tmp_path, good=True)
    assert shown_training(cells, HEADLINE) == ("filled", "leak_free", "1", "full")
    assert shown_training(cells, None) == ("plain", "leak_free", "1", "bare")
    assert shown_training(cells, HEADLINE | {"a": "other"}) is None


# --- pictures


def test_pictures_show_photographs_accepted_images_and_the_matrix(tmp_path: Path) -> None:
    cells, figures = tables(tmp_path, good=True), {}
    for name, rows in {
        "contact_sheet_a.svg": {f"class {number}": 9 for number in range(8)},
        "contact_sheet_b.svg": {"class 1": 3},
        "synthesis_sheet_leak_free_g_on_n.svg": {"real": 9, "first draws": 9, "accepted\n5 of 64": 5},
        "classify_confusion_filled.svg": {"": 1},
        "stain_methods_leak_free.svg": {"class": 4},
    }.items():
        figures[name] = tmp_path / name
        sheet(figures[name], rows)
    shown = pictures(figures, cells, shown_training(cells, HEADLINE))
    assert [(picture.title, picture.figure) for picture in shown] == [
        ("What went in", "contact_sheet_a.svg"),
        ("What came out", "synthesis_sheet_leak_free_g_on_n.svg"),
        ("Result by class", "classify_confusion_filled.svg"),
    ]
    assert "Images of a and b" in shown[0].text
    assert sum(len(picture.address) for picture in shown) < 300_000
    sheet(figures["synthesis_sheet_leak_free_g_on_n.svg"], {"real": 9, "first draws": 9, "accepted\n0 of 64": 0})
    assert "No synthetic image" in pictures(figures, cells, shown_training(cells, HEADLINE))[1].text
    assert pictures({}, cells, shown_training(cells, HEADLINE)) == []


# --- where the page comes from


def test_provenance_names_no_machine_and_no_home(monkeypatch: pytest.MonkeyPatch) -> None:
    home = Path("~").expanduser()
    monkeypatch.setenv(COMMAND, f"snakemake --configfile {home}/mine.yaml")
    monkeypatch.setenv(CONFIG, "0123456789abcdef")
    facts = {name: value for name, value, _ in provenance(3, [2, 1, 2])}
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d UTC", facts["written"])
    assert facts["command"] == "snakemake --configfile ~/mine.yaml"
    assert facts["digest of the config"] == "0123456789abcdef"
    assert facts["seeds"] == "config 3; trainings 1, 2"
    assert f"Python {sys.version_info.major}." in facts["Python and packages"]
    monkeypatch.delenv(COMMAND)
    assert {name: value for name, value, _ in provenance(3)}["command"] == NOT_AVAILABLE


def test_only_what_can_vary_is_left_out_when_pages_are_compared() -> None:
    assert {fact.name for fact in provenance(1) if not fact.varies} == {"version", "seeds"}


def test_the_workflow_tells_its_jobs_command_and_config(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (COMMAND, CONFIG):
        monkeypatch.setenv(name, "")
    hand_to_jobs(["--cores", "2", "my results"], {"seed": 3})
    facts = {name: value for name, value, _ in provenance(3)}
    assert facts["command"] == "snakemake --cores 2 'my results'"
    first = facts["digest of the config"]
    hand_to_jobs(["--cores", "1"], {"seed": 4})
    assert re.fullmatch("[0-9a-f]{16}", first)
    assert os.environ[CONFIG] != first


# --- glossary and folding


def test_the_glossary_explains_the_terms_that_a_page_uses() -> None:
    html = "<style>FID</style><p>KID and <b>macro F1</b></p><img src='data:ECE FID'><a href='#FID'>x</a>"
    assert [term.name for term in terms_in(html)] == ["macro F1", "KID"]
    assert all(term.text.endswith(".") and term.source and re.compile(term.pattern) for term in GLOSSARY)
    for source in (re.search(r"hemabalance: ([\w/.]+)", term.source) for term in GLOSSARY):
        assert source is None or (ROOT / "workflow_scripts/hemabalance" / source[1]).is_file(), source


def test_files_of_a_single_method_are_folded_together(tmp_path: Path) -> None:
    items: list[dict[str, Any]] = [{"name": str(n), "method": m} for n, m in enumerate(["", "g b", "", "g a", "g b"])]
    parts = by_method(items)
    assert [item["name"] for item in parts["shown"]] == ["0", "2"]
    assert [(part["name"], part["title"], len(part["shown"])) for part in parts["methods"]] == [
        ("g-b", "G b", 2),
        ("g-a", "G a", 1),
    ]
    table = {"path": tmp_path / "tables" / "a b.csv", "address": None}
    (found,) = with_files([table], tmp_path / "experiments" / "report.html")
    assert (found["file"], found["link"]) == ("../tables/a b.csv", "../tables/a%20b.csv")


# --- values of the thesis


def test_values_of_the_thesis_are_folded_away(tmp_path: Path) -> None:
    lines = ["model,reported_accuracy,n,accuracy,low,high,reason", "mine,not reported,9,0.5,0.4,0.6,–"]
    lines += [f"theirs,0.9,–,{','.join([NOT_AVAILABLE] * 3)},not in this run"]
    (tmp_path / "a.csv").write_text("\n".join(lines), "utf-8")
    item = table_item(tmp_path / "a.csv", title="", note="")
    assert item["reported"] == [False, True, False, False, False]
    assert item["reported_rows"] == [False, True]
    (tmp_path / "classify_models.csv").write_text("\n".join(lines), "utf-8")
    html = page(tmp_path, ["classify_models.csv"], "thesis")
    assert '<p class="hint">1 row, 4 columns<' in html
    assert '<tr class="reported"><td class="text">theirs</td><td class="number reported">0.9</td>' in html
    assert 'id="show-reported"' in html
    (tmp_path / "classify_models.csv").write_text("model,n\nmine,9\n", "utf-8")
    assert "reported" not in page(tmp_path, ["classify_models.csv"], "none")


def page(folder: Path, names: Sequence[str], preset: str) -> str:
    """HTML of a page of tables and figures in a folder."""
    write_page(
        folder / "report.html",
        run="parts",
        preset=preset,
        taxonomy=None,
        origins={},
        tables=[folder / name for name in names if name.endswith(".csv")],
        figures=[folder / name for name in names if name.endswith(".svg")],
        receipts=[],
        seed=1,
    )
    return (folder / "report.html").read_text("utf-8")


def test_the_page_of_an_experiment_has_the_same_parts(tmp_path: Path) -> None:
    (tmp_path / "scores.csv").write_text("recipe,macro F1\na,0.5\n", "utf-8")
    item = table_item(tmp_path / "scores.csv", title="Scores", note="All.")
    section = {"name": "rows", "title": "Rows", "note": "n", "shown": [item]}
    texts = {"experiment": "e", "run": "r", "question": "q?", "sentence": "s.", "lines": []}
    write_answer_page(tmp_path / "page.html", **texts, sections=[section], seed=4)  # type: ignore[arg-type]
    html = (tmp_path / "page.html").read_text("utf-8")
    for words in (
        "config 4",
        '<details id="glossary">',
        'CSV: <a href="scores.csv">',
        '<a href="#scores.csv">Scores</a>',
    ):
        assert words in html


# --- print


def test_paper_has_every_row_and_column_and_what_is_folded(tmp_path: Path) -> None:
    if not browser():
        pytest.skip("Chromium, which prints the page, is not installed")
    columns = [f"column{number}" for number in range(18)]
    rows = [[f"r{row}c{column}" for column in range(18)] for row in range(120)]
    text = "\n".join(",".join(row) for row in [["reported_name", *columns[1:]], *rows])
    (tmp_path / "classify_models.csv").write_text(text, "utf-8")
    sheet(tmp_path / "classify_confusion_mine.svg", {"class": 2})
    page(tmp_path, ["classify_models.csv", "classify_confusion_mine.svg"], "thesis")
    document = PdfReader(print_page(tmp_path / "report.html", tmp_path))
    words = "".join(sheet.extract_text() for sheet in document.pages)
    cells = set(re.findall(r"r\d+c\d+", re.sub(r"\s+", "", words.replace("r", " r"))))
    assert len(set().union(*rows) - cells) == 0
    assert "mine: confusion matrix" in words
    assert "Tests of a synthetic image" in words or "Expected calibration error" in words  # the glossary
