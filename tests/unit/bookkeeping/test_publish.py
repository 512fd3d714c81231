"""Which files are put under DVC, and which are left to git."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hemabalance.bookkeeping.publish import publish
from hemabalance.bookkeeping.records import Records
from hemabalance.bookkeeping.seals import dvc_file, read_versioned
from hemabalance.bookkeeping.summary import Output
from hemabalance.cli import main
from hemabalance.errors import InputError

STATE = Path(".snakemake")
MADE = "results/page.html"
READ = {
    "data/sources.yaml": "in git",
    "package/titles.yaml": "in git, beside code",
    "data/raw/a.zip": "an archive",
    "elsewhere.zip": "an archive in the wrong place",
}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for path, text in {**READ, MADE: "made", ".gitignore": "/results/*\n/data/raw/*\n!*.dvc\n"}.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    for command in (["init", "--quiet"], ["add", ".gitignore", "data/sources.yaml", "package"]):
        subprocess.run(["git", *command], check=True)
    subprocess.run([sys.executable, "-m", "dvc", "init", "--quiet"], check=True)
    record = {
        "rule": "report", "input": list(READ), "params": [], "code": "", "shellcmd": None, "log": [],
        "record_format_version": 6, "starttime": 1.0, "endtime": os.stat(MADE).st_mtime, "input_checksums": {},
        "software_stack_hash": "s", "container_img_url": None, "conda_env": "long", "job_hash": 1, "incomplete": False,
        "external_jobid": None,
    }  # fmt: skip
    Records(STATE).write(MADE, record)


@pytest.mark.usefixtures("project")
def test_files_in_git_are_inputs_in_the_seal_but_not_added_to_dvc() -> None:
    published = publish([Output(MADE, "report", "", tuple(READ), True, "", False)], STATE)
    assert (published.sealed, published.archives) == ([MADE], ["data/raw/a.zip"])
    assert published.left_out == {"elsewhere.zip": "it is outside of the project"}
    seal = read_versioned(dvc_file(MADE)).seal
    assert seal is not None
    assert set(seal.inputs) == set(READ)
    assert not any(dvc_file(path).exists() for path in READ if path != "data/raw/a.zip")


@pytest.mark.usefixtures("project")
def test_without_git_nothing_is_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    assert main(["publish"]) == 1
    assert capsys.readouterr().err.startswith("git: this program is not installed, or not in PATH")
    with pytest.raises(InputError, match="not installed"):
        publish([Output(MADE, "report", "", tuple(READ), True, "", False)], STATE)
    assert not dvc_file(MADE).exists()
