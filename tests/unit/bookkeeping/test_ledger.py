"""What jobs wrote and read is noticed when it is another."""

import os
import time
from pathlib import Path

import pytest

from hemabalance.bookkeeping.ledger import Ledger
from hemabalance.bookkeeping.recheck import recheck
from hemabalance.bookkeeping.records import FORMAT, Records, is_stale
from hemabalance.errors import InputError

STATE = Path(".snakemake")
PARAMS = ["'code'", "'settings'"]
RAW, MADE, LAST = "data/raw/x.zip", "results/demo/a.bin", "results/demo/b.bin"


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Ledger:
    """Two jobs have run, one after the other."""
    monkeypatch.chdir(tmp_path)
    write(RAW, b"raw")
    ledger = Ledger(STATE)
    for source, target in ((RAW, MADE), (MADE, LAST)):
        record = {"rule": "r", "params": PARAMS, "record_format_version": FORMAT, "starttime": time.time()}
        taken = ledger.record_inputs([source], [target])
        write(target, Path(source).read_bytes() + b"+")
        ledger.record_outputs(taken, [target], PARAMS)
        os.utime(target)  # as Snakemake does after every job
        Records(STATE).write(target, record | {"endtime": os.stat(target).st_mtime})
    return ledger


def write(path: str, content: bytes, *, keep_time: bool = False) -> None:
    at = os.stat(path) if keep_time else None
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content)
    if at:
        os.utime(path, ns=(at.st_atime_ns, at.st_mtime_ns))


def marked() -> set[str]:
    return {path for path in (MADE, LAST) if is_stale(Records(STATE).read(path) or {})}


def test_nothing_changed_nothing_is_said(ledger: Ledger) -> None:
    assert recheck(STATE) == {}
    for path in (RAW, MADE, LAST):
        os.utime(path)
    assert recheck(STATE) == {}
    assert marked() == set()


@pytest.mark.parametrize("keep_time", [False, True])
def test_a_damaged_output_is_made_again_and_what_was_made_from_it_too(ledger: Ledger, keep_time: bool) -> None:
    write(MADE, b"raw-", keep_time=keep_time)
    assert recheck(STATE) == {
        MADE: "it is damaged or was changed since its job wrote it",
        LAST: f"its input {MADE} is another than it was made from",
    }
    assert marked() == {MADE, LAST}


def test_a_job_refuses_what_no_job_wrote_even_where_nothing_of_it_shows(ledger: Ledger) -> None:
    write(MADE, b"raw-", keep_time=True)
    # As a failing disk would: not even the time of the change of state is another.
    entry = ledger.read(MADE)
    assert entry is not None
    found = os.stat(MADE)
    entry.content.stamp[:] = [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]
    ledger.write(entry)
    assert MADE not in recheck(STATE)
    with pytest.raises(InputError, match=f"{MADE}: is damaged or was changed: .* Run the same command again"):
        ledger.record_inputs([MADE], [LAST])
    assert MADE in recheck(STATE)


def test_an_archive_that_is_replaced_by_an_older_one_is_noticed_and_so_is_the_first_one_put_back(
    ledger: Ledger,
) -> None:
    before = Records(STATE).read(MADE)
    write(RAW, b"war")
    os.utime(RAW, (1.0, 1.0))
    assert recheck(STATE) == {MADE: f"its input {RAW} is another than it was made from"}
    assert recheck(STATE) == {MADE: f"its input {RAW} is another than it was made from"}
    assert marked() == {MADE}
    write(RAW, b"raw")
    assert recheck(STATE) == {}
    assert Records(STATE).read(MADE) == before


def test_an_input_that_changes_while_it_is_read_is_refused(ledger: Ledger) -> None:
    taken = ledger.record_inputs([RAW], [MADE])
    write(RAW, b"war")
    with pytest.raises(InputError, match=f"{RAW}: changed while this job read it"):
        ledger.record_outputs(taken, [MADE], PARAMS)
    assert ledger.read(MADE) is None


def test_an_input_that_is_only_touched_while_it_is_read_is_not(ledger: Ledger) -> None:
    taken = ledger.record_inputs([RAW], [MADE])
    os.utime(RAW)
    ledger.record_outputs(taken, [MADE], PARAMS)
    assert recheck(STATE) == {}


def test_files_of_tomorrow_are_dated_to_now_and_are_no_others_for_that(ledger: Ledger) -> None:
    began = time.time()
    for path in (RAW, MADE):
        os.utime(path, (began + 86400, began + 86400))
    earlier = os.stat(LAST).st_mtime
    assert recheck(STATE) == {}
    assert began <= os.stat(RAW).st_mtime == os.stat(MADE).st_mtime <= time.time()
    assert os.stat(LAST).st_mtime == earlier
    write(MADE, b"raw-")
    os.utime(MADE, (began + 86400, began + 86400))
    assert MADE in recheck(STATE)


def test_an_input_that_is_of_tomorrow_when_its_job_ends_is_so_no_longer(ledger: Ledger) -> None:
    taken = ledger.record_inputs([RAW], [MADE])
    os.utime(RAW, (time.time() + 86400, time.time() + 86400))
    ledger.record_outputs(taken, [MADE], PARAMS)
    assert os.stat(RAW).st_mtime <= time.time()


@pytest.mark.parametrize("damage", [lambda path: path.unlink(), lambda path: path.write_text('{"rule": "r", "par')])
def test_a_lost_record_is_made_up_for_by_making_the_file_again(ledger: Ledger, damage) -> None:
    damage(Records(STATE)._path(MADE))
    for _ in range(2):
        assert recheck(STATE) == {MADE: "what Snakemake noted of it is lost or damaged"}
        assert marked() == {MADE}


def test_a_damaged_entry_is_none(ledger: Ledger) -> None:
    for place in (STATE / "hemabalance" / "ledger").iterdir():
        place.write_bytes(place.read_bytes()[:-9])
    write(MADE, b"raw-")
    assert recheck(STATE) == {}
    assert ledger.record_inputs([MADE], [LAST]).keys() == {MADE}


def test_what_is_being_made_or_was_broken_off_is_left_to_snakemake(ledger: Ledger) -> None:
    write(MADE, b"half")
    incomplete = Records(STATE)._path(MADE, "incomplete")
    incomplete.parent.mkdir(parents=True)
    incomplete.write_text("{}")
    assert MADE not in recheck(STATE)


def test_what_dvc_brought_is_left_to_its_seal(ledger: Ledger) -> None:
    write(MADE, b"an earlier one")
    Path(f"{MADE}.dvc").write_text("outs:\n- md5: e8c9ea8daeca3dbcb5b6c91d8c7c1a24\n  path: a.bin\n")
    assert MADE in recheck(STATE)
    from hemabalance.bookkeeping.hashes import md5_file

    Path(f"{MADE}.dvc").write_text(f"outs:\n- md5: {md5_file(MADE)}\n  path: a.bin\n")
    assert MADE not in recheck(STATE)
    assert ledger.record_inputs([MADE], [LAST]).keys() == {MADE}


def test_what_a_job_made_by_other_settings_than_snakemake_noted_is_made_again(ledger: Ledger) -> None:
    taken = ledger.record_inputs([RAW], [MADE])
    ledger.record_outputs(taken, [MADE], ["'code'", "'settings, edited after the start of the workflow'"])
    before = Records(STATE).read(MADE)
    why = "settings or code were edited between the start of the workflow and that of the job that wrote it"
    for _ in range(2):
        assert recheck(STATE) == {MADE: why}
        assert marked() == {MADE}
        os.utime(MADE)
    ledger.record_outputs(ledger.record_inputs([RAW], [MADE]), [MADE], PARAMS)
    Records(STATE).write(MADE, before)
    assert recheck(STATE) == {}


def test_what_a_job_made_by_a_file_that_was_edited_meanwhile_is_made_again(ledger: Ledger) -> None:
    ledger.record_outputs(ledger.record_inputs([RAW], [MADE]), [MADE], PARAMS, ["hemabalance/x.py"])
    for _ in range(2):
        assert list(recheck(STATE)) == [MADE]
        assert recheck(STATE)[MADE].startswith("hemabalance/x.py was edited between the start of the workflow")


def test_who_touches_with_snakemake_takes_a_file_for_one_of_the_present_settings(ledger: Ledger) -> None:
    ledger.record_outputs(ledger.record_inputs([RAW], [MADE]), [MADE], PARAMS, ["hemabalance/x.py"])
    os.utime(MADE, (1.0, 1.0))
    Records(STATE).write(MADE, {"params": ["'other settings'"], "starttime": time.time() + 0.01})
    for _ in range(2):
        assert recheck(STATE) == {}
        assert marked() == set()
