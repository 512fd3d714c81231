"""Put what is up to date under DVC, each file with its seal."""

import os
import re
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hemabalance.bookkeeping.dvc import dvc
from hemabalance.bookkeeping.hashes import FileHashes
from hemabalance.bookkeeping.records import Records, for_seal, is_stale
from hemabalance.bookkeeping.restore import CACHE, note_published
from hemabalance.bookkeeping.seals import FOLDERS, Seal, dvc_file, read_versioned, write_seal
from hemabalance.bookkeeping.summary import Output
from hemabalance.errors import InputError

_AT_ONCE = 500  # paths on one command line


@dataclass
class Published:
    """What was done.

    Attributes:
        sealed: outputs that are now under DVC with their seal.
        archives: files that no rule makes, now under DVC.
        left_out: path -> why it was not published.
    """

    sealed: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def publish(outputs: Sequence[Output], state: Path) -> Published:
    """Version every up-to-date output, and what the first rules read, with DVC.

    Files stay where they are; what changes is DVC's cache and a `.dvc` file beside each, for git.

    Args:
        outputs: what Snakemake says of them (`summary.summary`).
        state: Snakemake's folder `.snakemake` in the working folder, which all paths are from.

    Raises:
        InputError: DVC refuses, with what it says.
    """
    records, done = Records(state), Published()
    made = {}
    for output in outputs:
        record = records.read(output.path)
        why = _why_not(output, record, records)
        if why or record is None:
            done.left_out[output.path] = why
        else:
            made[output.path] = record
    own = {output.path for output in outputs}
    read = sorted({name for record in made.values() for name in record["input"]} - own)
    done.archives = [name for name in read if _is_ours(name) and not _is_gits(name)]
    foreign = [name for name in read if not _is_ours(name) and not _is_code(name)]
    done.left_out |= dict.fromkeys(foreign, "it is outside of the project")
    hashes = FileHashes(state / CACHE)
    hashes.fill([*made, *read])
    _add(_new([*done.archives, *made], hashes, state), state)
    for path in done.archives:
        _seal(path, {}, {}, hashes)
    for path, record in made.items():
        inputs = {name: md5 for name in record["input"] if (md5 := hashes.md5(name)) is not None}
        note_published(path, _seal(path, inputs, for_seal(record), hashes), hashes)
        done.sealed.append(path)
    hashes.save()
    return done


def _seal(path: str, inputs: Mapping[str, str], record: Mapping[str, object], hashes: FileHashes) -> Seal:
    versioned = read_versioned(dvc_file(path))
    seal = Seal(versioned.md5, inputs, record)
    if seal.md5 != hashes.md5(path):
        raise InputError(path, "changed while it was published", "Wait until nothing writes to it, and publish again")
    if versioned.seal != seal:
        write_seal(dvc_file(path), seal)
    return seal


def _why_not(output: Output, record: Mapping[str, object] | None, records: Records) -> str:
    if not output.there:
        return "it has not been made"
    if record is None:
        return "Snakemake does not know what made it"
    if not records.complete(output.path):
        return "its job was broken off or still runs"
    if is_stale(record):
        return "it is stale"
    if output.changed:
        return output.changed
    return "something that it is made from will be made again" if output.pending else ""


def _is_ours(path: str) -> bool:
    return not os.path.isabs(path) and Path(os.path.normpath(path)).parts[0] in FOLDERS


def _is_gits(path: str) -> bool:
    """Whether git versions a file, or would: it is there and not ignored."""
    return subprocess.run(["git", "check-ignore", "--quiet", path], capture_output=True).returncode == 1


def _is_code(path: str) -> bool:
    """Whether git has a file already: rules read some that lie beside the code."""
    return subprocess.run(["git", "ls-files", "--error-unmatch", path], capture_output=True).returncode == 0


def _new(paths: Iterable[str], hashes: FileHashes, state: Path) -> list[str]:
    """Those whose content DVC does not have under their name yet: what it has, it would only write anew."""
    cache = dvc("cache", "dir", state=state)
    contents = Path(cache.output, "files", "md5") if cache.ok else None
    return [path for path in paths if not _kept(path, hashes.md5(path), contents)]


def _kept(path: str, md5: str | None, contents: Path | None) -> bool:
    if md5 is None or contents is None or not dvc_file(path).is_file():
        return False
    return read_versioned(dvc_file(path)).md5 == md5 and (contents / md5[:2] / md5[2:]).is_file()


def _add(paths: Sequence[str], state: Path) -> None:
    if not paths:
        return
    # Where DVC does not link, it would copy each file into its cache, and from there over itself.
    linked = re.search("hardlink|symlink", dvc("config", "cache.type", state=state).output)
    options = [] if linked else ["--no-relink"]
    for start in range(0, len(paths), _AT_ONCE):
        done = dvc("add", *options, *paths[start : start + _AT_ONCE], state=state)
        if not done.ok:
            raise InputError("dvc add", f"failed: {done.why}", "Mend that, and publish again: nothing is lost")
