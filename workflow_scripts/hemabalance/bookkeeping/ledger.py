"""What jobs wrote here, and from what: a file that is another one since is noticed, whatever its modification time.

Snakemake looks at an input's content only where its modification time is later than the output's. That leaves out a
file that was damaged, an input that was replaced by an older one, one that changed while it was read, and whatever
happens while the clock is wrong. So each job notes the sha256 of what it wrote and of what it read. And it notes what
made it do so: Snakemake notes the config and the code of when the workflow started, and somebody may have edited them
before the job started.
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
"""In `.snakemake`: an entry for each output."""


@dataclass(frozen=True)
class FileState:
    """A file as it was looked at.

    Attributes:
        stamp: size, times of modification and of change of state in ns, inode: while they are the same, so is the file,
            as far as any program can have written to it.
        sha256: of its bytes.
    """

    stamp: list[int]
    sha256: str


@dataclass
class LedgerEntry:
    """One output.

    Attributes:
        path: as the rule writes it.
        content: as its job left it.
        inputs: path -> as the job read it.
        record: Snakemake's record from before it was marked stale; empty where it is not.
        params: of the job, as it saw them itself and as Snakemake records them: the `repr` of each value, sorted; empty
            where they count no longer.
        edited: files of code that it ran in another version than the workflow was started with.
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
        """Open it.

        Args:
            state: Snakemake's folder `.snakemake`.
        """
        self._folder = state / FOLDER

    def record_inputs(self, inputs: Iterable[str], outputs: Iterable[str]) -> dict[str, FileState]:
        """Before a job's work: look at what it will read, and forget what it will write.

        Returns:
            The inputs, for `record_outputs`.

        Raises:
            InputError: an input is not what its job wrote; the folder of the ledger cannot be written to.
        """
        for path in outputs:
            self.forget(path)
        input_states = {path: file_state(path) for path in inputs if os.path.isfile(path)}
        for path, content in input_states.items():
            entry = self.read(path)
            if entry and entry.content.sha256 != content.sha256 and not matches_dvc(path):
                # Whatever its stamp: the next start of the workflow must look at it.
                self.write(replace(entry, content=FileState([], entry.content.sha256)))
                problem = "is damaged or was changed: it is not what its job wrote"
                raise InputError(path, problem, "Run the same command again: it will be made anew")
        return input_states

    def record_outputs(
        self,
        input_states: Mapping[str, FileState],
        outputs: Sequence[str],
        params: Sequence[str] = (),
        edited: Sequence[str] = (),
    ) -> None:
        """After a job's work: note what it wrote, from files that are not of the future.

        Args:
            input_states: what `record_inputs` returned.
            outputs: of the job.
            params, edited: see `LedgerEntry`.

        Raises:
            InputError: an input changed while it was read; the disk is full.
        """
        for path, content in input_states.items():
            if not os.path.isfile(path) or (stamp(path) != content.stamp and file_state(path).sha256 != content.sha256):
                problem = "changed while this job read it"
                raise InputError(path, problem, "Leave it alone, and run the same command again")
        clamp_future_times(input_states)
        for path in filter(os.path.isfile, outputs):
            self.write(
                LedgerEntry(path, file_state(path), dict(input_states), params=list(params), edited=list(edited))
            )

    def entries(self) -> list[LedgerEntry]:
        """All that can be read, in the order of their paths."""
        found = (self._parsed(place) for place in self._folder.glob("*.json"))
        return sorted((entry for entry in found if entry), key=lambda entry: entry.path)

    def read(self, path: str) -> LedgerEntry | None:
        """The entry of an output; None where there is none, or a damaged one."""
        return self._parsed(self._place(path))

    def write(self, entry: LedgerEntry) -> None:
        """Put an entry into the place of an earlier one."""
        write_json(asdict(entry), self._place(entry.path))

    def forget(self, path: str) -> None:
        """Take an output for one of whose making nothing is known."""
        place = self._place(path)
        with explain_write_errors(place):
            place.unlink(missing_ok=True)

    def _place(self, path: str) -> Path:
        return self._folder / f"{hashlib.sha256(path.encode()).hexdigest()[:32]}.json"

    def _parsed(self, place: Path) -> LedgerEntry | None:
        try:
            found = json.loads(place.read_bytes())
            inputs = {path: FileState(**content) for path, content in found["inputs"].items()}
            made_by = {name: list(found.get(name, ())) for name in ("params", "edited")}  # earlier versions have none
            return LedgerEntry(found["path"], FileState(**found["content"]), inputs, found["record"], **made_by)
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            return None


def clamp_future_times(paths: Iterable[str]) -> None:
    """Date files of the future, from before the clock was set back, to now: their contents say what is new.

    Snakemake fails a job whose inputs are later than its outputs, and deletes these, until the clock is where it was.
    """
    now = time.time()
    for path in paths:
        if os.path.isfile(path) and os.stat(path).st_mtime > now:
            with suppress(PermissionError):  # somebody else's archive
                os.utime(path, (now, now))


def stamp(path: str) -> list[int]:
    """What changes of a file whenever a program writes to it."""
    found = os.stat(path)
    return [found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino]


def file_state(path: str) -> FileState:
    """A file as it is now."""
    before = stamp(path)  # first: what changes meanwhile is looked at again
    return FileState(before, sha256_file(path))


def matches_dvc(path: str) -> bool:
    """Whether a file is what DVC has under its name: then its seal speaks for it."""
    from hemabalance.bookkeeping.hashes import md5_file
    from hemabalance.bookkeeping.seals import dvc_file, read_versioned

    pointer = dvc_file(path)
    try:
        return pointer.is_file() and read_versioned(pointer).md5 == md5_file(path)
    except InputError:
        return False
