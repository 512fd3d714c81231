"""The ledger: for each output, the sha256 of its content and of its job's inputs, and the job's settings and code.

Snakemake compares the content of an input only if the input's modification time is later than the output's. It thus
misses a damaged file, an input replaced by an older file, an input that changed while a job read it, and any change
while the clock is wrong. The ledger detects all of these. It also holds the params that the job itself saw: Snakemake
records those from the start of the workflow, which may have been edited before the job started.
"""

import hashlib
import json
import os
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from hemabalance.errors import InputError
from hemabalance.files import explain_write_errors, sha256_file, write_json

FOLDER = "hemabalance/ledger"
"""In `.snakemake`: one JSON file for each output."""


@dataclass(frozen=True)
class FileState:
    """The state of a file when it was read.

    Attributes:
        stamp: see `stamp`. Unchanged stamp: the content is taken as unchanged.
        sha256: of the file's bytes.
    """

    stamp: list[int]
    sha256: str


@dataclass
class LedgerEntry:
    """One output.

    A new attribute needs a default, because `Ledger` also reads entries of earlier versions.

    Attributes:
        path: as the rule writes it.
        content: the state in which the job left the output.
        inputs: path -> the state in which the job read it.
        record: Snakemake's record from before it was marked stale; empty if it is not marked.
        params: of the job, as the job itself saw them, in Snakemake's form: the `repr` of each value, sorted; empty
            if they no longer count.
        edited: code files that the job ran in another version than the workflow was started with.
    """

    path: str
    content: FileState
    inputs: dict[str, FileState]
    record: dict[str, Any] = field(default_factory=dict)
    params: list[str] = field(default_factory=list)
    edited: list[str] = field(default_factory=list)


class Ledger:
    """The entries of one working folder."""

    def __init__(self, state: Path) -> None:
        """Open the ledger.

        Args:
            state: Snakemake's folder `.snakemake`.
        """
        self._folder = state / FOLDER

    def record_inputs(self, inputs: Iterable[str], outputs: Iterable[str]) -> dict[str, FileState]:
        """Before a job: check and hash its inputs, and delete the entries of its outputs.

        Returns:
            The states of the inputs, for `record_outputs`.

        Raises:
            InputError: the content of an input differs from what its job wrote; the ledger cannot be written to.
        """
        for path in outputs:
            self.delete(path)
        input_states = {path: file_state(path) for path in inputs if os.path.isfile(path)}
        for path, current in input_states.items():
            entry = self.read(path)
            if entry and entry.content.sha256 != current.sha256 and not matches_dvc(path):
                # An empty stamp makes the next start of the workflow hash the file, even if its stamp is unchanged.
                self.write(replace(entry, content=FileState([], entry.content.sha256)))
                problem = "is damaged or was changed: it is not what its job wrote"
                raise InputError(path, problem, "Run the same command again: the file will be rebuilt")
        return input_states

    def record_outputs(
        self,
        input_states: Mapping[str, FileState],
        outputs: Sequence[str],
        params: Sequence[str] = (),
        edited: Sequence[str] = (),
    ) -> None:
        """After a job: check that no input has changed meanwhile, and write the entries of its outputs.

        Inputs with a modification time in the future are set to the present time.

        Args:
            input_states: the result of `record_inputs`.
            outputs: of the job.
            params, edited: see `LedgerEntry`.

        Raises:
            InputError: an input changed while the job read it; the disk is full.
        """
        for path, before in input_states.items():
            if not os.path.isfile(path) or (stamp(path) != before.stamp and file_state(path).sha256 != before.sha256):
                problem = "changed while this job read it"
                raise InputError(path, problem, "Leave the file unchanged, and run the same command again")
        clamp_future_times(input_states)
        for path in filter(os.path.isfile, outputs):
            self.write(
                LedgerEntry(path, file_state(path), dict(input_states), params=list(params), edited=list(edited))
            )

    def entries(self) -> list[LedgerEntry]:
        """All readable entries, sorted by path."""
        entries = (self._parse(file) for file in self._folder.glob("*.json"))
        return sorted((entry for entry in entries if entry), key=lambda entry: entry.path)

    def read(self, path: str) -> LedgerEntry | None:
        """The entry of an output; None if it is missing or damaged."""
        return self._parse(self._file(path))

    def write(self, entry: LedgerEntry) -> None:
        """Write an entry, replacing an earlier one of the same output."""
        write_json(asdict(entry), self._file(entry.path))

    def delete(self, path: str) -> None:
        """Delete the entry of an output, if there is one."""
        file = self._file(path)
        with explain_write_errors(file):
            file.unlink(missing_ok=True)

    def _file(self, path: str) -> Path:
        return self._folder / f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.json"

    def _parse(self, file: Path) -> LedgerEntry | None:
        try:
            values = json.loads(file.read_bytes())
            inputs = {path: FileState(**state) for path, state in values["inputs"].items()}
            # Entries of earlier versions have neither.
            made_by = {name: list(values.get(name, ())) for name in ("params", "edited")}
            return LedgerEntry(values["path"], FileState(**values["content"]), inputs, values["record"], **made_by)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def clamp_future_times(paths: Iterable[str]) -> None:
    """Set modification times in the future, from before the clock was set back, to the present time.

    Snakemake fails a job whose inputs are later than its outputs and deletes the outputs, until the clock catches up.
    The ledger does not need the times: it compares contents.
    """
    now = time.time()
    for path in paths:
        if os.path.isfile(path) and os.stat(path).st_mtime > now:
            with suppress(PermissionError):  # the file belongs to another user, such as a shared archive
                os.utime(path, (now, now))


def stamp(path: str) -> list[int]:
    """(size, mtime_ns, ctime_ns, inode) of a file. Unchanged stamp: the content is taken as unchanged."""
    status = os.stat(path)
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def file_state(path: str) -> FileState:
    """The present state of a file."""
    before = stamp(path)  # read first: a file that changes during hashing is hashed again next time
    return FileState(before, sha256_file(path))


def matches_dvc(path: str) -> bool:
    """Whether a file has the content that its `.dvc` file names; `restore` is then responsible for it."""
    from hemabalance.bookkeeping.hashes import md5_file
    from hemabalance.bookkeeping.seals import dvc_file, read_versioned

    pointer = dvc_file(path)
    try:
        return pointer.is_file() and read_versioned(pointer).md5 == md5_file(path)
    except InputError:
        return False
