"""No code knows a class or a source: they are those of the config."""

import re
from pathlib import Path

import pytest

from helpers.thesis import CLASSES, FOLDERS

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "workflow_scripts"
ALLOWED = (SCRIPTS / "hemabalance/presets", SCRIPTS / "hemabalance/sources/phantom")
CODE = [
    path
    for path in [ROOT / "Snakefile", *ROOT.glob("rules/*.smk"), *SCRIPTS.rglob("*.py")]
    if not any(path.is_relative_to(folder) for folder in ALLOWED)
]
CODES = {folder for folders in FOLDERS.values() for folder in folders if folder.isupper()}
NAMES = re.compile(rf"\b({'|'.join(sorted({*CLASSES, *FOLDERS, *CODES}))})\b")


@pytest.mark.parametrize("path", CODE, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_class_and_no_source_is_named(path: Path) -> None:
    lines = enumerate(path.read_text("utf-8").splitlines(), start=1)
    assert [f"{number}: {line.strip()}" for number, line in lines if NAMES.search(line)] == []


def test_the_search_finds_names() -> None:
    assert len(CODE) > 300
    for text in ("classes = ['monocyte']", "the source tcia", "x = 'MYO'"):
        assert NAMES.search(text)
    assert not NAMES.search("monocytes of tcia_2")
