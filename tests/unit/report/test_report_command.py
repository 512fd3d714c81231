"""`hemabalance report`."""

import json
from pathlib import Path

import pytest

from hemabalance.cli import main
from hemabalance.commands import report

ROOT = Path(__file__).resolve().parents[3]


def write_page(folder: Path, name: str, content: object) -> Path:
    (folder / "tables").mkdir(parents=True)
    (folder / "report.html").write_text("x" * 1_234_567)
    (folder / "tables" / name).write_text(json.dumps(content))
    return folder / "report.html"


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_each_page_is_printed_with_its_size_and_answer(capsys: pytest.CaptureFixture[str]) -> None:
    write_page(Path("results/mine"), "headline.json", {"answer": "More images help."})
    write_page(Path("results/mine/across"), "sentence.json", {"sentence": "The gap is 0.2."})
    write_page(Path("results/mine/experiments"), "headline.json", None)
    assert main(["report", "results/mine"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "results/mine/report.html  1.2 MB",
        "  More images help.",
        "results/mine/experiments/report.html  1.2 MB",
        "  This run compares no classifiers.",
        "results/mine/across/report.html  1.2 MB",
        "  The gap is 0.2.",
    ]


def test_a_run_whose_name_is_that_of_an_experiment_has_its_own_page_too(capsys: pytest.CaptureFixture[str]) -> None:
    write_page(Path("results/across"), "headline.json", {"answer": "More images help."})
    assert main(["report", "results/across"]) == 0
    assert "More images help." in capsys.readouterr().out


def test_the_first_page_is_opened(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    page = write_page(Path("results/mine"), "headline.json", {"answer": "More images help."}).absolute()
    opened: list[str] = []
    monkeypatch.setattr(report.webbrowser, "open", lambda address: opened.append(address) or True)
    assert main(["report", "results/mine", "--open"]) == 0
    assert opened == [page.as_uri()]
    monkeypatch.setattr(report.webbrowser, "open", lambda address: False)
    assert main(["report", "results/mine", "--open"]) == 1
    assert f"open {page} by hand" in capsys.readouterr().out


def test_without_a_page_the_command_that_makes_it_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    write_page(Path("results/done"), "headline.json", None)
    Path("results/mine").mkdir()
    Path("config.yaml").write_text("run: full\n")
    Path("damaged.yaml").write_text("run: [\n")
    Path("my lab.yaml").write_text("run: mine\n")
    assert main(["report", "results/mine"]) == 1
    message = capsys.readouterr().err
    assert "results/mine: holds no report.html: the run is not finished. " in message
    assert "`snakemake --cores 2 --configfile config.yaml 'my lab.yaml'`" in message
    assert f"or choose {Path('results/done').absolute()}" in message
    assert main(["report", "results/full"]) == 1
    assert "does not exist. Make it with `snakemake --cores 2`," in capsys.readouterr().err
    assert report.command_of("other") == "snakemake --cores 2 --config run=other"


def test_runs_of_the_makefile_are_made_by_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    assert report.command_of("demo") == "make demo"
    assert report.command_of("full") == "snakemake --cores 2"
