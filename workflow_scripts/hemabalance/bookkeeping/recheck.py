"""Before the DAG is built: tell Snakemake which files are no longer what their jobs wrote, or made from, or made by.

Snakemake's record of such a file is marked stale, so that its job runs again, and says why. The record is kept and put
back where all is as it was before the job has run, as when somebody lays the right archive back.
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

_OURS = STALE + "found here: "
"""Tells our marks from those on files that DVC brought."""


def recheck(state: Path) -> dict[str, str]:
    """Compare all files that jobs wrote here with the ledger.

    Args:
        state: Snakemake's folder `.snakemake` in the working folder, which all paths are from.

    Returns:
        Path -> why it will be made again.
    """
    ledger, records = Ledger(state), Records(state)
    seen: dict[str, FileState] = {}
    stale = {}
    entries = ledger.entries()
    clamp_future_times({name for entry in entries for name in (entry.path, *entry.inputs)})
    for before in entries:
        entry = before
        if not os.path.isfile(entry.path) or not records.complete(entry.path):
            continue  # Snakemake makes it again anyway, or is at it
        record = records.read(entry.path) or {}
        if _is_accepted(entry, record):
            entry = replace(entry, params=[], edited=[])
        why = _why_stale(entry, seen) or _why_otherwise(entry, entry.record or record)
        if why and matches_dvc(entry.path):
            ledger.forget(entry.path)  # its seal speaks for it
            continue
        new = LedgerEntry(entry.path, *_refreshed(entry, seen), dict(entry.record), entry.params, entry.edited)
        if why := _tell(new, why, records):
            stale[entry.path] = why
        if new != before:
            ledger.write(new)
    return stale


def _tell(entry: LedgerEntry, why: str, records: Records) -> str:
    """Bring Snakemake's record into line; why the file will be made again, empty if for no reason of ours."""
    record = records.read(entry.path)
    if record is None:
        # Without it a change of settings would go unseen.
        why = why or "what Snakemake noted of it is lost or damaged"
        records.mark_stale(entry.path, {"record_format_version": FORMAT}, _reason(why))
        return why
    if not is_stale(record):
        if why:
            entry.record = record
            records.mark_stale(entry.path, record, _reason(why))
        return why
    mark = str(record["params"][0])
    if why or not mark.startswith(_OURS):
        return why
    if not entry.record:
        return mark.removeprefix(_OURS)
    records.write(entry.path, entry.record)
    entry.record = {}
    return ""


def _reason(why: str) -> str:
    return (_OURS + why).removeprefix(STALE)


def _why_stale(entry: LedgerEntry, seen: dict[str, FileState]) -> str:
    if _now(entry.path, entry.content, seen).sha256 != entry.content.sha256:
        return "it is damaged or was changed since its job wrote it"
    for path, content in entry.inputs.items():
        if os.path.isfile(path) and _now(path, content, seen).sha256 != content.sha256:
            return f"its input {path} is another than it was made from"
    return ""


def _why_otherwise(entry: LedgerEntry, record: Mapping[str, Any]) -> str:
    """Why a file is not of the settings and the code that Snakemake noted; empty if it is."""
    if entry.edited:
        return (
            f"{', '.join(entry.edited)} was edited between the start of the workflow and that of the job that wrote it"
        )
    if not entry.params or not record or is_stale(record) or sorted(record.get("params") or ()) == entry.params:
        return ""
    return "settings or code were edited between the start of the workflow and that of the job that wrote it"


def _is_accepted(entry: LedgerEntry, record: Mapping[str, Any]) -> bool:
    """Whether somebody has said, with `snakemake --touch`, that the file is to pass for one of the present settings.

    That is a job to Snakemake, and began after the file was last looked at. Real ones begin before they write.
    """
    looked_at = entry.content.stamp[2:3]  # the time of the last change of state, which no program can set
    return not is_stale(record) and bool(looked_at) and record.get("starttime", 0.0) > looked_at[0] / 1e9


def _now(path: str, known: FileState, seen: dict[str, FileState]) -> FileState:
    """A file as it is; its bytes are read only where its stamp is new."""
    if path not in seen:
        seen[path] = known if known.stamp == stamp(path) else file_state(path)
    return seen[path]


def _refreshed(entry: LedgerEntry, seen: dict[str, FileState]) -> tuple[FileState, dict[str, FileState]]:
    """The contents with the stamps of today where they are the same, so that they need not be read again."""

    def new(path: str, was: FileState) -> FileState:
        now = seen.get(path)
        return now if now and now.sha256 == was.sha256 else was

    return new(entry.path, entry.content), {path: new(path, was) for path, was in entry.inputs.items()}
