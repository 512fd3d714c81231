"""Code edits during a workflow."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from hemabalance.bookkeeping import code_versions, fingerprint
from hemabalance.bookkeeping.code_versions import edited_files, executed_files, note_code

RULE, MODULE, OTHER = "make.py", "hemabalance/loaded.py", "hemabalance/other.py"
TEXTS = {
    RULE: "from hemabalance.loaded import one\nfrom hemabalance.other import two\n",
    MODULE: "one = 1\n",
    OTHER: "two = 2\n",
}


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The scripts of a workflow that has started; this process has loaded MODULE but not OTHER."""
    folder = tmp_path / "scripts"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(fingerprint, "SCRIPTS", folder)
    monkeypatch.setattr(code_versions, "SCRIPTS", folder)
    clear_caches(monkeypatch)
    fingerprint.code_fingerprint(folder / RULE)
    note_code(tmp_path)
    clear_caches(monkeypatch)  # a job is another process
    loaded = ModuleType("hemabalance.loaded")
    loaded.__file__ = str(folder / MODULE)
    monkeypatch.setitem(sys.modules, loaded.__name__, loaded)
    return folder


def clear_caches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_TREES", {})
    fingerprint._existing_files.cache_clear()
    fingerprint._fingerprint.cache_clear()


def test_a_checkout_reached_through_a_link(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clear_caches(monkeypatch)
    (scripts.parent / "link").symlink_to(scripts)
    fingerprint.code_fingerprint(scripts.parent / "link" / RULE)
    note_code(scripts.parent)
    clear_caches(monkeypatch)
    (scripts / RULE).write_text(TEXTS[RULE] + "print(one)\n")
    assert list(edited_files(scripts.parent)) == [RULE]


def test_without_edits_no_file_is_reported(scripts: Path) -> None:
    assert edited_files(scripts.parent) == {}


def test_comments_do_not_count(scripts: Path) -> None:
    (scripts / MODULE).write_text("# one\none = 1\n")
    assert edited_files(scripts.parent) == {}


@pytest.mark.parametrize("text", ["one = 2\n", "one = (\n", None])
@pytest.mark.parametrize("name", [RULE, MODULE, OTHER])
def test_an_edited_file_counts_if_it_was_executed(scripts: Path, name: str, text: str | None) -> None:
    if text is None:
        (scripts / name).unlink()
    else:
        (scripts / name).write_text(text)
    edited = edited_files(scripts.parent)
    assert list(edited) == [name]
    assert bool(edited[name]) == (text == "one = 2\n")
    assert executed_files(edited, "make") == ([] if name == OTHER else [name])
    assert executed_files(edited, "another") == ([MODULE] if name == MODULE else [])


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "1"])
def test_a_missing_or_damaged_record_reports_no_edits(scripts: Path, text: str | None) -> None:
    record = scripts.parent / code_versions.FILE
    record.unlink()
    if text is not None:
        record.write_text(text)
    (scripts / MODULE).write_text("one = 2\n")
    assert edited_files(scripts.parent) == {}
