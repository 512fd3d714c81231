"""Code that is edited while a workflow runs."""

import sys
from pathlib import Path
from types import ModuleType

import pytest

from hemabalance.bookkeeping import code_versions, fingerprint
from hemabalance.bookkeeping.code_versions import edited_since, executed, note_code

RULE, MODULE, OTHER = "make.py", "hemabalance/loaded.py", "hemabalance/other.py"
TEXTS = {
    RULE: "from hemabalance.loaded import one\nfrom hemabalance.other import two\n",
    MODULE: "one = 1\n",
    OTHER: "two = 2\n",
}


@pytest.fixture
def scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A workflow has started; of its modules, this process has loaded the first."""
    folder = tmp_path / "scripts"
    for name, text in TEXTS.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    monkeypatch.setattr(fingerprint, "SCRIPTS", folder)
    monkeypatch.setattr(code_versions, "SCRIPTS", folder)
    forget(monkeypatch)
    fingerprint.code_fingerprint(folder / RULE)
    note_code(tmp_path)
    forget(monkeypatch)  # a job is another process
    loaded = ModuleType("hemabalance.loaded")
    loaded.__file__ = str(folder / MODULE)
    monkeypatch.setitem(sys.modules, loaded.__name__, loaded)
    return folder


def forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fingerprint, "_TREES", {})
    fingerprint._fingerprint.cache_clear()


def test_a_checkout_that_is_reached_through_a_link(scripts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forget(monkeypatch)
    (scripts.parent / "link").symlink_to(scripts)
    fingerprint.code_fingerprint(scripts.parent / "link" / RULE)
    note_code(scripts.parent)
    forget(monkeypatch)
    (scripts / RULE).write_text(TEXTS[RULE] + "print(one)\n")
    assert list(edited_since(scripts.parent)) == [RULE]


def test_nothing_is_edited(scripts: Path) -> None:
    assert edited_since(scripts.parent) == {}


def test_comments_do_not_count(scripts: Path) -> None:
    (scripts / MODULE).write_text("# one\none = 1\n")
    assert edited_since(scripts.parent) == {}


@pytest.mark.parametrize("text", ["one = 2\n", "one = (\n", None])
@pytest.mark.parametrize("name", [RULE, MODULE, OTHER])
def test_what_is_edited_counts_if_it_ran(scripts: Path, name: str, text: str | None) -> None:
    if text is None:
        (scripts / name).unlink()
    else:
        (scripts / name).write_text(text)
    edited = edited_since(scripts.parent)
    assert list(edited) == [name]
    assert bool(edited[name]) == (text == "one = 2\n")
    assert executed(edited, "make") == ([] if name == OTHER else [name])
    assert executed(edited, "another") == ([MODULE] if name == MODULE else [])


@pytest.mark.parametrize("text", [None, "", "{", "[1]", "1"])
def test_a_workflow_that_noted_nothing(scripts: Path, text: str | None) -> None:
    note = scripts.parent / code_versions.FILE
    note.unlink()
    if text is not None:
        note.write_text(text)
    (scripts / MODULE).write_text("one = 2\n")
    assert edited_since(scripts.parent) == {}
