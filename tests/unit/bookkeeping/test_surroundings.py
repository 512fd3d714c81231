"""Environments that Snakemake cannot call are refused; caches go elsewhere if the home folder cannot be written to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hemabalance.bookkeeping.surroundings import check_environment, use_writable_folders
from hemabalance.errors import InputError


@pytest.fixture(autouse=True)
def variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME"):  # set and removed, so that both are restored after the test
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


@pytest.mark.parametrize("name", ["a b", "a'b", 'a"b', "a$b", "a`b", "a&b", "a(b", "a;b", "a\\b", "a{b,c}", "a<b"])
def test_an_environment_that_a_shell_would_misread_is_refused(tmp_path: Path, name: str) -> None:
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    # As Snakemake calls it.
    assert subprocess.run(["bash", "-c", f"{python} -c 0"], capture_output=True).returncode
    with pytest.raises(InputError, match="Snakemake calls Python without quotes") as caught:
        check_environment(str(python.parent))
    assert caught.value.where == str(python.parent)


@pytest.mark.parametrize("name", ["plain", "müller", "a~b", "a#b", "a-b_c.d+e@f%g,h=i:j", "a!b", "a[b"])
def test_other_environments_are_not_refused(tmp_path: Path, name: str) -> None:
    python = tmp_path / name / "python"
    python.parent.mkdir()
    python.symlink_to(sys.executable)
    assert subprocess.run(["bash", "-c", f"{python} -c 0"], capture_output=True).returncode == 0
    check_environment(str(python.parent))


def test_a_cache_folder_that_can_be_written_to_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert use_writable_folders(tmp_path / ".snakemake") == ""
    assert "XDG_CACHE_HOME" not in os.environ
    assert not (tmp_path / ".snakemake").exists()


@pytest.mark.parametrize("home", ["/dev/null", "/proc/nobody"])
def test_without_a_home_folder_caches_are_in_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    monkeypatch.setenv("HOME", home)
    monkeypatch.chdir(tmp_path)
    message = use_writable_folders(Path(".snakemake"))
    cache = tmp_path / ".snakemake/hemabalance/cache"
    assert os.environ["XDG_CACHE_HOME"] == str(cache)
    assert os.environ["XDG_CONFIG_HOME"] == str(cache / "config")
    assert f"{home}/.cache cannot be written to: {cache}" in message
    assert "XDG_CACHE_HOME" in message
    assert use_writable_folders(Path(".snakemake")) == ""


def test_the_folder_of_a_program_is_tried(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "file").touch()
    assert use_writable_folders(tmp_path / ".snakemake", tmp_path / "free") == ""
    message = use_writable_folders(tmp_path / ".snakemake", tmp_path / "file" / "snakemake")
    assert f"{tmp_path}/file/snakemake cannot be written to" in message


def test_the_config_folder_of_a_home_that_exists_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / ".cache").touch()
    monkeypatch.setenv("HOME", str(tmp_path))
    assert f"{tmp_path}/.cache cannot be written to" in use_writable_folders(tmp_path / ".snakemake")
    assert "XDG_CONFIG_HOME" not in os.environ
