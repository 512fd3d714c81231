"""Before the DAG is built: mark every output stale that was changed since its job wrote it, or whose inputs, settings
or code have changed.

A stale mark replaces the params in Snakemake's record by the reason, so that Snakemake runs the job again and shows
that reason. The ledger keeps the original record. `recheck` puts it back if everything is as before when the workflow
starts again, for example after the right archive was put back.
"""

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from hemabalance.bookkeeping.ledger import (
    FileState,
    Ledger,
    LedgerEntry,
    clamp_future_times,
    file_state,
    matches_dvc,
    stamp,
)
from hemabalance.bookkeeping.records import FORMAT, STALE, Records, is_stale

_PREFIX = STALE + "found here: "
"""Begins the marks of `recheck`; those of `restore`, on files from DVC, begin with STALE alone."""


def recheck(state: Path) -> dict[str, str]:
    """Compare all outputs in the ledger, and their inputs, with the files on disk.

    Args:
        state: Snakemake's folder `.snakemake` in the working folder; all paths are relative to that folder.

    Returns:
        Stale output -> reason.
    """
    ledger, records = Ledger(state), Records(state)
    current: dict[str, FileState] = {}
    stale = {}
    entries = ledger.entries()
    clamp_future_times({name for entry in entries for name in (entry.path, *entry.inputs)})
    for entry in entries:
        if not os.path.isfile(entry.path) or not records.complete(entry.path):
            continue  # Snakemake makes it again anyway, or a job is writing it
        record = records.read(entry.path) or {}
        checked = replace(entry, params=[], edited=[]) if _is_accepted(entry, record) else entry
        reason = _changed_content(checked, current) or _changed_job(checked, checked.record or record)
        if reason and matches_dvc(entry.path):
            ledger.delete(entry.path)  # `restore` has checked it against its seal
            continue
        contents = _with_new_stamps(checked, current)
        updated = LedgerEntry(entry.path, *contents, dict(checked.record), checked.params, checked.edited)
        if reason := _update_record(updated, reason, records):
            stale[entry.path] = reason
        if updated != entry:
            ledger.write(updated)
    return stale


def _update_record(entry: LedgerEntry, reason: str, records: Records) -> str:
    """Mark Snakemake's record as stale, or put the original one back.

    Returns:
        Why the output will be made again; empty if `recheck` has no reason.
    """
    record = records.read(entry.path)
    if record is None:
        # Without a record, Snakemake would not notice a change of settings.
        reason = reason or "Snakemake's record of it is lost or damaged"
        records.mark_stale(entry.path, {"record_format_version": FORMAT}, _mark(reason))
        return reason
    if not is_stale(record):
        if reason:
            entry.record = record
            records.mark_stale(entry.path, record, _mark(reason))
        return reason
    mark = str(record["params"][0])
    if reason or not mark.startswith(_PREFIX):
        return reason
    if not entry.record:
        return mark.removeprefix(_PREFIX)
    records.write(entry.path, entry.record)
    entry.record = {}
    return ""


def _mark(reason: str) -> str:
    return (_PREFIX + reason).removeprefix(STALE)


def _changed_content(entry: LedgerEntry, current: dict[str, FileState]) -> str:
    if _current_state(entry.path, entry.content, current).sha256 != entry.content.sha256:
        return "it is damaged or was changed since its job wrote it"
    for path, recorded in entry.inputs.items():
        if os.path.isfile(path) and _current_state(path, recorded, current).sha256 != recorded.sha256:
            return f"its input {path} has changed since this file was made from it"
    return ""


def _changed_job(entry: LedgerEntry, record: Mapping[str, Any]) -> str:
    """Why the job did not run with the settings and code that Snakemake recorded; empty if it did."""
    if entry.edited:
        return (
            f"{', '.join(entry.edited)} was edited between the start of the workflow and that of the job that wrote it"
        )
    if not entry.params or not record or is_stale(record) or sorted(record.get("params") or ()) == entry.params:
        return ""
    return "settings or code were edited between the start of the workflow and that of the job that wrote it"


def _is_accepted(entry: LedgerEntry, record: Mapping[str, Any]) -> bool:
    """Whether the user has declared the file up to date with `snakemake --touch`.

    Snakemake treats that as a job. Its start time is later than the last change of the file, whereas a real job starts
    before it writes.
    """
    changed_ns = entry.content.stamp[2:3]  # ctime, which no program can set
    return not is_stale(record) and bool(changed_ns) and record.get("starttime", 0.0) > changed_ns[0] / 1e9


def _current_state(path: str, recorded: FileState, current: dict[str, FileState]) -> FileState:
    """The present state of a file, cached in `current`; the file is hashed only if its stamp has changed."""
    if path not in current:
        current[path] = recorded if recorded.stamp == stamp(path) else file_state(path)
    return current[path]


def _with_new_stamps(entry: LedgerEntry, current: Mapping[str, FileState]) -> tuple[FileState, dict[str, FileState]]:
    """The recorded states of output and inputs, with present stamps where the content is the same.

    With the new stamp, a file that was only touched need not be hashed again next time.
    """

    def update(path: str, recorded: FileState) -> FileState:
        state = current.get(path)
        return state if state and state.sha256 == recorded.sha256 else recorded

    return update(entry.path, entry.content), {path: update(path, state) for path, state in entry.inputs.items()}
