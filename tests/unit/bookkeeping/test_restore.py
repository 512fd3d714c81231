"""Files that DVC fetched are kept, marked stale or left alone, depending on their seals."""

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from hemabalance.bookkeeping.hashes import md5_file
from hemabalance.bookkeeping.records import Records, for_seal, is_stale
from hemabalance.bookkeeping.restore import report_lines, restore
from hemabalance.bookkeeping.seals import Seal, dvc_file, read_versioned, write_seal
from hemabalance.errors import InputError

STATE = Path(".snakemake")
CHAIN = {"results/a.txt": ["data/raw/x.txt"], "results/b.txt": ["results/a.txt"], "results/c.txt": ["results/b.txt"]}


def record_of(path: str, started: float) -> dict[str, Any]:
    return {
        "rule": Path(path).stem, "input": CHAIN[path], "params": ["'one'"], "code": "", "shellcmd": None, "log": [],
        "record_format_version": 6, "starttime": started, "endtime": os.stat(path).st_mtime, "input_checksums": {},
        "software_stack_hash": "s", "container_img_url": None, "conda_env": "long", "job_hash": 1, "incomplete": False,
        "external_jobid": None,
    }  # fmt: skip


def under_dvc(path: str) -> None:
    out = {"md5": md5_file(path), "size": os.path.getsize(path), "hash": "md5", "path": Path(path).name}
    dvc_file(path).write_text(yaml.safe_dump({"outs": [out]}))


def seal(path: str, record: dict[str, Any]) -> None:
    inputs = {name: md5_file(name) for name in record["input"]}
    write_seal(dvc_file(path), Seal(md5_file(path), inputs, for_seal(record)))


def write(path: str, text: str, time: float | None = None) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_text(text)
    if time is not None:
        os.utime(path, (time, time))


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Records:
    """A clone in which everything was pulled, later stages first, and in which Snakemake has never run."""
    monkeypatch.chdir(tmp_path)
    for age, path in enumerate(["data/raw/x.txt", *CHAIN]):
        write(path, f"content of {path}", 1000.0 - age)
        under_dvc(path)
    for started, path in enumerate(CHAIN):
        seal(path, record_of(path, float(started)))
    return Records(STATE)


def test_files_that_match_their_seals_are_kept_and_no_input_is_newer(published: Records) -> None:
    done = restore(STATE)
    assert done.kept == ["results/a.txt", "results/b.txt", "results/c.txt"]
    assert done.stale == {}
    times = [os.stat(path).st_mtime for path in ["data/raw/x.txt", *CHAIN]]
    assert times == sorted(times)
    for path in CHAIN:
        record = published.read(path)
        assert record is not None
        assert (record["rule"], record["params"], record["incomplete"]) == (Path(path).stem, ["'one'"], False)
    assert list(report_lines(done)) == ["3 published files match their seals and are kept."]


def test_a_second_restore_changes_nothing(published: Records) -> None:
    restore(STATE)
    again = restore(STATE)
    assert (again.kept, again.stale, again.times, list(report_lines(again))) == ([], {}, [], [])


def test_touched_files_are_kept(published: Records) -> None:
    restore(STATE)
    for time, path in enumerate(["data/raw/x.txt", *CHAIN][::-1]):
        os.utime(path, (3000.0 + time, 3000.0 + time))
    assert restore(STATE).stale == {}
    times = [os.stat(path).st_mtime for path in ["data/raw/x.txt", *CHAIN]]
    assert times == sorted(times)


def test_changed_content_is_stale_and_so_are_outputs_of_the_published_content(published: Records) -> None:
    restore(STATE)
    write("results/b.txt", "other")
    done = restore(STATE)
    assert done.stale == {
        "results/b.txt": "the content of results/b.txt is not what was published",
        "results/c.txt": "its input results/b.txt has changed since it was published",
    }
    record = published.read("results/b.txt")
    assert record is not None
    assert is_stale(record)
    assert record["params"] == ["STALE: the content of results/b.txt is not what was published"]
    assert not is_stale(published.read("results/a.txt") or {})


def test_changed_content_with_the_same_time_and_size_is_stale(published: Records) -> None:
    restore(STATE)
    before = os.stat("results/b.txt")
    with Path("results/b.txt").open("r+") as handle:
        handle.write("C")
    os.utime("results/b.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
    assert set(restore(STATE).stale) == {"results/b.txt", "results/c.txt"}


def test_a_file_that_is_no_longer_stale_is_kept_again(published: Records) -> None:
    before = Path("results/b.txt").read_text()
    write("results/b.txt", "other")
    assert len(restore(STATE).stale) == 2
    write("results/b.txt", before)
    done = restore(STATE)
    assert done.stale == {}
    assert done.kept == ["results/b.txt", "results/c.txt"]
    assert not is_stale(published.read("results/c.txt") or {})


def test_publishing_one_file_alone_makes_dependent_files_stale(published: Records) -> None:
    write("results/a.txt", "made anew")
    under_dvc("results/a.txt")
    seal("results/a.txt", {**record_of("results/a.txt", 9.0), "params": ["'two'"]})
    done = restore(STATE)
    assert done.stale == {"results/b.txt": "its input results/a.txt has changed since it was published"}
    assert done.kept == ["results/a.txt", "results/c.txt"]


def test_an_input_that_was_not_pulled_counts_with_its_content_in_dvc(published: Records) -> None:
    os.unlink("results/a.txt")
    assert restore(STATE).stale == {}
    write("results/a.txt", "made anew")
    under_dvc("results/a.txt")
    seal("results/a.txt", record_of("results/a.txt", 9.0))
    os.unlink("results/a.txt")
    assert set(restore(STATE).stale) == {"results/b.txt"}


def test_a_file_added_to_dvc_by_hand_is_stale(published: Records) -> None:
    write("results/c.txt", "by hand")
    described = yaml.safe_load(dvc_file("results/c.txt").read_text())
    described["outs"][0]["md5"] = md5_file("results/c.txt")
    dvc_file("results/c.txt").write_text(yaml.safe_dump(described))
    assert restore(STATE).stale == {"results/c.txt": "results/c.txt was put into DVC without a seal"}


def test_a_file_that_was_built_here_is_left_alone(published: Records) -> None:
    restore(STATE)
    write("results/b.txt", "built here", 5000.0)
    record = {**record_of("results/b.txt", 77.0), "params": ["'two'"]}
    published.write("results/b.txt", record)
    done = restore(STATE)
    assert "results/b.txt" not in done.stale
    assert published.read("results/b.txt") == record
    os.utime("results/b.txt", (6000.0, 6000.0))  # touched, but still the content that was built here
    assert "results/b.txt" not in restore(STATE).stale
    write("results/b.txt", "changed by hand", 7000.0)
    assert "results/b.txt" in restore(STATE).stale


@pytest.mark.parametrize("later", ["another content", "content of results/c.txt"])
def test_checking_out_an_earlier_commit_restores_its_record(published: Records, later: str) -> None:
    restore(STATE)
    sealed = dvc_file("results/c.txt").read_text()
    before = Path("results/c.txt").read_text()
    write("results/c.txt", later, 5000.0)
    published.write("results/c.txt", record_of("results/c.txt", 77.0))
    assert "results/c.txt" not in restore(STATE).kept
    under_dvc("results/c.txt")
    seal("results/c.txt", record_of("results/c.txt", 77.0))
    assert restore(STATE).stale == {}
    dvc_file("results/c.txt").write_text(sealed)
    if later != before:  # `dvc checkout` does not touch unchanged files
        write("results/c.txt", before, 6000.0)
    assert restore(STATE).stale == {}
    record = published.read("results/c.txt")
    assert record is not None
    assert record["starttime"] == 2.0


def test_a_project_without_published_files_is_unchanged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert list(report_lines(restore(STATE))) == []
    assert not STATE.exists()


@pytest.mark.parametrize(("lost", "message"), [(1, "no longer holds. "), (2, "no longer holds, as are 1 others. ")])
def test_a_link_into_a_missing_cache_is_an_error(published: Records, lost: int, message: str) -> None:
    for path in list(CHAIN)[:lost]:
        os.unlink(path)
        os.symlink("gone", path)
    with pytest.raises(InputError, match=f"results/a.txt: is a link to what DVC's cache {message}"):
        restore(STATE)
    for path in list(CHAIN)[:lost]:
        os.unlink(path)
    restore(STATE)


def test_other_keys_of_a_dvc_file_are_kept(published: Records) -> None:
    path = dvc_file("results/a.txt")
    described = yaml.safe_load(path.read_text())
    described["desc"] = "Zählung"
    described["meta"]["owner"] = "somebody"
    path.write_text(yaml.safe_dump(described, allow_unicode=True), "utf-8")
    seal("results/a.txt", record_of("results/a.txt", 3.0))
    again = yaml.safe_load(path.read_text("utf-8"))
    assert (again["desc"], again["meta"]["owner"], again["outs"]) == ("Zählung", "somebody", described["outs"])
    read = read_versioned(path).seal
    assert read is not None
    assert read.record["starttime"] == 3.0


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("[", "cannot be read"),
        ("- a\n", "contains no keys"),
        ("outs: []\n", "is not the `.dvc` file of one file"),
        ("outs: [{md5: x, path: y}]\nmeta: hemab", "is not the `.dvc` file of one file"),
        ("outs: [{md5: x, path: y}]\nmeta: {hemabalance: cut}", "damaged seal"),
        ("outs: [{md5: x, path: y}]\nmeta: {hemabalance: {version: 2}}\n", "sealed by another version"),
        ("outs: [{md5: x, path: y}]\nmeta: {hemabalance: {version: 1, seal: '{'}}\n", "damaged seal"),
        ("outs: [{md5: x, path: y}]\nmeta: {hemabalance: {version: 1, seal: '{}'}}\n", "damaged seal"),
    ],
)
def test_a_damaged_dvc_file_is_an_error(published: Records, text: str, problem: str) -> None:
    dvc_file("results/b.txt").write_text(text)
    with pytest.raises(InputError, match=rf"results/b.txt.dvc: .*{problem}"):
        restore(STATE)


def test_a_damaged_record_or_cache_is_rewritten(published: Records) -> None:
    restore(STATE)
    for path in [*(STATE / "metadata").iterdir(), STATE / "hemabalance" / "hashes.json"]:
        path.write_text("{")
    assert restore(STATE).kept == list(CHAIN)
