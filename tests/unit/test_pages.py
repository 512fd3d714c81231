"""The pages for people: links lead somewhere, commands parse, the README is short, and what it shows runs."""

import os
import re
import shlex
import subprocess
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

from helpers import conditional_generators
from helpers.archives import write_folder
from helpers.model_folders import BAYES, build_model_folder
from hemabalance import cli
from hemabalance.synthesis.reproduce import WEIGHTS

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
PLACES = ("*.md", "data/*.md", "profiles/*.md", "workflow_scripts/**/*.md")
PAGES = sorted(path for pattern in PLACES for path in ROOT.glob(pattern))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
WORDS_OF_README = 700

_FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(?<!`)`([^`]+)`(?!`)")
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
PROGRAMS = ("hemabalance", "make", "snakemake", "dvc", "pip")


def names(pages: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in pages]


def prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text("utf-8"))


def blocks(page: Path, language: str) -> list[str]:
    return [text for found, text in _FENCE.findall(page.read_text("utf-8")) if found == language]


def anchors(page: Path) -> set[str]:
    """The anchors that GitHub gives to the headings of a page."""
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in _HEADING.findall(prose(page))}


def commands(page: Path) -> Iterator[list[str]]:
    """The command lines of a page, in blocks and in sentences.

    Without the values that stand before the program, and without the brackets around options that may be left out.
    """
    spans = (" ".join(span.split()) for span in _CODE.findall(prose(page)))
    # In a sentence, `hemabalance results` names a command, which may need more arguments.
    named = (f"{span} --help" if re.fullmatch(r"(hemabalance|dvc)( \S+)?", span) else span for span in spans)
    lines = "\n".join(blocks(page, "")).replace("\\\n", " ").splitlines()
    for line in (*lines, *(span for span in named if span.partition(" ")[0] in PROGRAMS)):
        for command in line.split("&&"):
            words = shlex.split(re.sub(r"\[(--[^\]]+)\]", r"\1", command), comments=True)
            while words and re.fullmatch(r"\w+=\S*", words[0]):
                del words[0]
            if words[:2] == ["python3", "-m"]:
                del words[:2]
            if words:
                yield [Path(words[0]).name, *words[1:]]


def commands_of(page: Path, program: str) -> list[list[str]]:
    return [words[1:] for words in commands(page) if words[0] == program]


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_relative_link_leads_to_a_file_and_every_anchor_to_a_heading(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if link.startswith(("http://", "https://")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.is_file(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=names(PAGES))
def test_every_command_of_hemabalance_on_a_page_parses(page: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for words in commands_of(page, "hemabalance"):
        try:
            cli._parser().parse_args(words)
        except SystemExit as end:
            assert end.code == 0, f"hemabalance {shlex.join(words)}: {capsys.readouterr().err}"  # noqa: PT017


def test_every_target_of_make_on_a_page_exists() -> None:
    environment = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "MAKELEVEL")}
    lines = {tuple(words) for page in PAGES for words in commands_of(page, "make") if "DRILL=--help" not in words}
    assert {("demo",), ("test",), ("sample", "DATA=folder")} <= lines
    for words in sorted(lines):
        done = subprocess.run(["make", "-n", *words], cwd=ROOT, env=environment, capture_output=True, text=True)
        assert done.returncode == 0, f"make {shlex.join(words)}: {done.stderr}"


def test_every_command_of_snakemake_on_a_page_parses_and_names_a_rule() -> None:
    from snakemake.cli import get_argument_parser

    parser = get_argument_parser()
    text = "".join(path.read_text() for path in (ROOT / "Snakefile", *(ROOT / "rules").glob("*.smk")))
    rules = set(re.findall(r"^ *rule (\w+):", text, re.MULTILINE))
    # The plugin for Kubernetes is not installed here.
    lines = {tuple(w) for page in PAGES for w in commands_of(page, "snakemake") if "kubernetes" not in w}
    assert len(lines) > 5
    for words in sorted(lines):
        try:
            targets = parser.parse_args(list(words)).targets
        except SystemExit:
            pytest.fail(f"snakemake {shlex.join(words)} does not parse")
        assert {name for name in targets if "/" not in name} <= rules, words


def test_every_command_of_dvc_on_a_page_parses() -> None:
    from dvc.cli.parser import get_main_parser

    lines = {tuple(words) for page in PAGES for words in commands_of(page, "dvc")}
    assert ("pull",) in lines
    for words in sorted(lines):
        with suppress(SystemExit):  # by --help; an unknown command or option is a DvcParserError
            get_main_parser().parse_args(list(words))


def test_the_readme_has_commands_of_known_programs_only_and_extras_that_exist() -> None:
    assert {words[0] for words in commands(README)} == set(PROGRAMS)
    for page in PAGES:
        for words in commands_of(page, "pip"):
            for extra in re.findall(r"^(?:\.|hemabalance)\[(.+)\]$", words[-1]):
                assert set(extra.split(",")) <= set(PROJECT["optional-dependencies"]), page


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len(README.read_text("utf-8").split()) <= WORDS_OF_README


def test_the_readme_names_every_page_for_users() -> None:
    folders = {ROOT, ROOT / "data", ROOT / "profiles", ROOT / "workflow_scripts"}
    linked = {(ROOT / link).resolve() for link in _LINK.findall(prose(README)) if "://" not in link}
    assert {page for page in PAGES if page.parent in folders} - {README} <= linked


def test_the_readme_has_no_figure_of_results_that_results_md_lacks() -> None:
    results = (ROOT / "RESULTS.md").read_text("utf-8")
    rows = [line for line in README.read_text("utf-8").splitlines() if line.startswith("|") and "n = " in line]
    assert len(rows) == 3
    figures = {figure for row in rows for figure in re.findall(r"[+-]?\d\.\d{3}(?: \([^)]+\))?", row)}
    assert figures
    assert {figure for figure in figures if not _is_in(figure, results)} == set()


def _is_in(figure: str, results: str) -> bool:
    """Tables of results have no plus before a number."""
    return figure in results or figure.replace("+", "") in results


def test_the_python_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (example,) = blocks(README, "python")
    classifier, generator = re.findall(r'load\("(results/[^"]+)"\)', example)
    model = build_model_folder(tmp_path / classifier, BAYES)
    conditional_generators.fit(Path(generator).name, tmp_path).save(tmp_path / generator / WEIGHTS)
    write_folder(tmp_path / "lab_a", model.photographs_of("mendeley"))
    write_folder(tmp_path / "lab_b", model.photographs_of("tcia"))
    monkeypatch.chdir(tmp_path)
    made: dict[str, Any] = {}
    exec(example, made)
    assert [image.dtype for image in made["images"]] == [np.uint8] * len(model.photographs_of("tcia"))
    columns = re.search(r"table = .*# (.*), \.\.\., p_<class>", example)
    assert columns is not None
    assert list(made["table"].columns)[:4] == columns[1].split(", ")
    assert made["table"].columns[-1].startswith("p_")
    assert made["cells"].shape == (16, made["generator"].size, made["generator"].size, 3)
    columns = re.search(r"copies = .*# (.*), \.\.\.", example)
    assert columns is not None
    assert list(made["copies"].columns)[:5] == columns[1].split(", ")


def test_the_citation_names_this_version_and_the_thesis() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert {"cff-version", "message", "title", "authors"} <= set(citation)
    assert citation["authors"] == [{"name": "The hemabalance authors"}]
    assert (str(citation["version"]), citation["license"]) == (PROJECT["version"], PROJECT["license"])
    theses = [entry["title"] for entry in citation["references"] if entry["type"] == "thesis"]
    assert len(theses) == 1
    assert theses[0] in " ".join(README.read_text("utf-8").replace("*", "").split())
    sources = yaml.safe_load((ROOT / "data" / "sources.yaml").read_text("utf-8"))
    cited = {entry["doi"] for entry in citation["references"] if entry["type"] == "data"}
    assert cited == {source["doi"] for source in sources.values()}


def test_the_changelog_has_this_version_and_is_short() -> None:
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    assert f"## [{PROJECT['version']}]" in text
    assert len(text.splitlines()) <= 80


def test_the_workflow_catalog_finds_what_it_reads() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text("utf-8"))["usage"]
    assert set(usage) == {"mandatory-flags", "software-stack-deployment"}
    assert usage["software-stack-deployment"]["conda"] is any(
        "conda:" in p.read_text() for p in ROOT.glob("rules/*.smk")
    )
    text = README.read_text("utf-8").lower()
    assert "snakemake" in text
    assert "workflow" in text
