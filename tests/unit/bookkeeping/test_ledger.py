"""Changes of the outputs and inputs of jobs are detected."""

import os
import time
from pathlib import Path

import pytest

from hemabalance.bookkeeping.ledger import Ledger, stamp
from hemabalance.bookkeeping.recheck import recheck
from hemabalance.bookkeeping.records import FORMAT, Records, is_stale
from hemabalance.errors import InputError

STATE = Path(".snakemake")
PARAMS = ["'code'", "'settings'"]
RAW, MADE, LAST = "data/raw/x.zip", "results/demo/a.bin", "results/demo/b.bin"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """The ledger after two jobs, the second of which reads the output of the first."""
    monkeypatch.chdir(tmp_path)
    write(RAW, b"raw")
    ledger = Ledger(STATE)
    for source, target in ((RAW, MADE), (MADE, LAST)):
        record = {"rule": "r", "params": PARAMS, "record_format_version": FORMAT, "starttime": time.time()}
        input_states = ledger.record_inputs([source], [target])
        write(target, Path(source).read_bytes() + b"+")
        ledger.record_outputs(input_states, [target], PARAMS)
        os.utime(target)  # as Snakemake does after every job
        Records(STATE).write(target, record | {"endtime": os.stat(target).st_mtime})
    return ledger


def write(path: str, content: bytes, *, keep_time: bool = False) -> None:
    status = os.stat(path) if keep_time else None
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
    if status:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def stale_outputs() -> set[str]:
    return {path for path in (MADE, LAST) if is_stale(Records(STATE).read(path) or {})}


def test_without_changes_nothing_is_stale(ledger: Ledger) -> None:
    assert recheck(STATE) == {}
    for path in (RAW, MADE, LAST):
        os.utime(path)
    assert recheck(STATE) == {}
    assert stale_outputs() == set()


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_damaged_output_and_its_dependants_are_stale(ledger: Ledger, keep_time: bool) -> None:
    write(MADE, b"raw-", keep_time=keep_time)
    assert recheck(STATE) == {
        MADE: "it is damaged or was changed since its job wrote it",
        LAST: f"its input {MADE} has changed since this file was made from it",
    }
    assert stale_outputs() == {MADE, LAST}


def test_a_job_refuses_a_changed_input_even_if_its_stamp_is_unchanged(ledger: Ledger) -> None:
    write(MADE, b"raw-", keep_time=True)
    # As after a disk failure: even ctime is unchanged.
    entry = ledger.read(MADE)
    assert entry is not None
    entry.content.stamp[:] = stamp(MADE)
    ledger.write(entry)
    assert MADE not in recheck(STATE)
    with pytest.raises(InputError, match=f"{MADE}: is damaged or was changed: .* Run the same command again"):
        ledger.record_inputs([MADE], [LAST])
    assert MADE in recheck(STATE)


def test_replacing_an_archive_by_an_older_one_is_detected_and_undone_when_it_is_put_back(
    ledger: Ledger,
) -> None:
    before = Records(STATE).read(MADE)
    write(RAW, b"war")
    os.utime(RAW, (1.0, 1.0))
    assert recheck(STATE) == {MADE: f"its input {RAW} has changed since this file was made from it"}
    assert recheck(STATE) == {MADE: f"its input {RAW} has changed since this file was made from it"}
    assert stale_outputs() == {MADE}
    write(RAW, b"raw")
    assert recheck(STATE) == {}
    assert Records(STATE).read(MADE) == before


def test_an_input_that_changes_during_the_job_is_an_error(ledger: Ledger) -> None:
    input_states = ledger.record_inputs([RAW], [MADE])
    write(RAW, b"war")
    with pytest.raises(InputError, match=f"{RAW}: changed while this job read it"):
        ledger.record_outputs(input_states, [MADE], PARAMS)
    assert ledger.read(MADE) is None


def test_an_input_that_is_only_touched_during_the_job_is_accepted(ledger: Ledger) -> None:
    input_states = ledger.record_inputs([RAW], [MADE])
    os.utime(RAW)
    ledger.record_outputs(input_states, [MADE], PARAMS)
    assert recheck(STATE) == {}


def test_times_in_the_future_are_set_to_now_and_the_files_are_not_stale(ledger: Ledger) -> None:
    start = time.time()
    for path in (RAW, MADE):
        os.utime(path, (start + 86400, start + 86400))
    earlier = os.stat(LAST).st_mtime
    assert recheck(STATE) == {}
    assert start <= os.stat(RAW).st_mtime == os.stat(MADE).st_mtime <= time.time()
    assert os.stat(LAST).st_mtime == earlier
    write(MADE, b"raw-")
    os.utime(MADE, (start + 86400, start + 86400))
    assert MADE in recheck(STATE)


def test_an_input_time_in_the_future_is_set_to_now_when_the_job_ends(ledger: Ledger) -> None:
    input_states = ledger.record_inputs([RAW], [MADE])
    os.utime(RAW, (time.time() + 86400, time.time() + 86400))
    ledger.record_outputs(input_states, [MADE], PARAMS)
    assert os.stat(RAW).st_mtime <= time.time()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text('{"rule": "r", "par')])
def test_a_file_without_record_is_made_again(ledger: Ledger, damage) -> None:
    damage(Records(STATE)._path(MADE))
    for _ in range(2):
        assert recheck(STATE) == {MADE: "Snakemake's record of it is lost or damaged"}
        assert stale_outputs() == {MADE}


def test_a_damaged_entry_is_ignored(ledger: Ledger) -> None:
    for file in (STATE / "hemabalance" / "ledger").iterdir():
        file.write_bytes(file.read_bytes()[:-9])
    write(MADE, b"raw-")
    assert recheck(STATE) == {}
    assert ledger.record_inputs([MADE], [LAST]).keys() == {MADE}


def test_an_incomplete_output_is_left_to_snakemake(ledger: Ledger) -> None:
    write(MADE, b"half")
    incomplete = Records(STATE)._path(MADE, "incomplete")
    incomplete.parent.mkdir(parents=True)
    incomplete.write_text("{}")
    assert MADE not in recheck(STATE)


def test_a_file_with_its_content_in_dvc_is_left_to_restore(ledger: Ledger) -> None:
    write(MADE, b"an earlier one")
    Path(f"{MADE}.dvc").write_text("outs:\n- md5: e8c9ea8daeca3dbcb5b6c91d8c7c1a24\n  path: a.bin\n")
    assert MADE in recheck(STATE)
    from hemabalance.bookkeeping.hashes import md5_file

    Path(f"{MADE}.dvc").write_text(f"outs:\n- md5: {md5_file(MADE)}\n  path: a.bin\n")
    assert MADE not in recheck(STATE)
    assert ledger.record_inputs([MADE], [LAST]).keys() == {MADE}


def test_an_output_made_with_other_settings_than_snakemake_recorded_is_stale(ledger: Ledger) -> None:
    input_states = ledger.record_inputs([RAW], [MADE])
    ledger.record_outputs(input_states, [MADE], ["'code'", "'settings, edited after the start of the workflow'"])
    before = Records(STATE).read(MADE)
    reason = "settings or code were edited between the start of the workflow and that of the job that wrote it"
    for _ in range(2):
        assert recheck(STATE) == {MADE: reason}
        assert stale_outputs() == {MADE}
        os.utime(MADE)
    ledger.record_outputs(ledger.record_inputs([RAW], [MADE]), [MADE], PARAMS)
    Records(STATE).write(MADE, before)
    assert recheck(STATE) == {}


def test_an_output_of_edited_code_is_stale(ledger: Ledger) -> None:
    ledger.record_outputs(ledger.record_inputs([RAW], [MADE]), [MADE], PARAMS, ["hemabalance/x.py"])
    for _ in range(2):
        assert list(recheck(STATE)) == [MADE]
        assert recheck(STATE)[MADE].startswith("hemabalance/x.py was edited between the start of the workflow")


def test_snakemake_touch_accepts_a_file(ledger: Ledger) -> None:
    ledger.record_outputs(ledger.record_inputs([RAW], [MADE]), [MADE], PARAMS, ["hemabalance/x.py"])
    os.utime(MADE, (1.0, 1.0))
    Records(STATE).write(MADE, {"params": ["'other settings'"], "starttime": time.time() + 0.01})
    for _ in range(2):
        assert recheck(STATE) == {}
        assert stale_outputs() == set()
