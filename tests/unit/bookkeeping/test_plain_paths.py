"""Snakemake gets a path that it does not misread, and messages name the user's."""

from pathlib import Path

import pytest

from hemabalance.bookkeeping.plain_paths import input_path, require_files, users_path
from hemabalance.errors import InputError

STATE = Path(".snakemake")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("path", ["data/raw/a.zip", "it's here/a b,c.zip", "missing.zip"])
def test_other_paths_stay_as_they_are(path: str) -> None:
    assert input_path(path, STATE) == path
    assert users_path(path) == Path(path)
    assert not STATE.exists()


@pytest.mark.parametrize("path", ["lab{2}/a.zip", "lab/{source}.csv", "<results>/a.zip", "lab{2}"])
def test_a_wildcard_in_a_path_becomes_a_link(folder: Path, path: str) -> None:
    Path(path).parent.mkdir(exist_ok=True)
    Path(path).write_text("content")
    link = input_path(path, STATE)
    assert not set("{}<>") & set(link)
    assert Path(link).read_text() == "content"
    assert Path(link).suffix == Path(path).suffix
    assert users_path(link) == folder / path
    assert input_path(path, STATE) == input_path(str(folder / path), STATE) == link


def test_two_files_of_one_name_get_two_links() -> None:
    for name in ("{1}", "{2}"):
        Path(name).mkdir()
        Path(name, "a.zip").write_text(name)
    links = [input_path(f"{name}/a.zip", STATE) for name in ("{1}", "{2}")]
    assert [Path(link).read_text() for link in links] == ["{1}", "{2}"]


def test_a_missing_file_with_a_wildcard_in_its_path_is_refused(folder: Path) -> None:
    with pytest.raises(InputError, match="no rule can make a file with such a path") as caught:
        input_path("lab{2}/a.zip", STATE)
    assert caught.value.where == str(folder / "lab{2}/a.zip")


def test_a_missing_file_that_no_rule_makes_is_named_with_its_place_and_key(folder: Path) -> None:
    with pytest.raises(InputError, match="no such file") as caught:
        require_files({"exclusions": "list.csv"})
    assert caught.value.where == str(folder / "list.csv")
    assert "`exclusions`" in caught.value.remedy
    with pytest.raises(InputError, match="is a folder"):
        require_files({"exclusions": "."})
    Path("list{2}.csv").touch()
    require_files({"exclusions": "list{2}.csv"})
    assert input_path("list{2}.csv", STATE).endswith("-list_2_.csv")
