"""Put all outputs that are up to date under DVC, each with its seal."""

import os
import re
import shutil
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

_MAX_PATHS = 500  # on one command line


@dataclass
class Published:
    """What was published.

    Attributes:
        sealed: outputs that are now under DVC, each with its seal.
        archives: files that no rule makes and that are now under DVC.
        left_out: path -> reason why the file was not published.
    """

    sealed: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)
    left_out: dict[str, str] = field(default_factory=dict)


def publish(outputs: Sequence[Output], state: Path) -> Published:
    """Version with DVC every output that is up to date, and the inputs of the first rules.

    The files stay in place. DVC's cache grows, and beside each file a `.dvc` file is written, for git.

    Args:
        outputs: the result of `summary.summary`.
        state: Snakemake's folder `.snakemake` in the working folder; all paths are relative to that folder.

    Raises:
        InputError: git is missing; DVC fails (with its message); a file changed meanwhile.
    """
    require_git()
    records, published = Records(state), Published()
    publishable = {}
    for output in outputs:
        record = records.read(output.path)
        reason = _reason_against(output, record, records)
        if reason or record is None:
            published.left_out[output.path] = reason
        else:
            publishable[output.path] = record
    made_by_rules = {output.path for output in outputs}
    sources = sorted({name for record in publishable.values() for name in record["input"]} - made_by_rules)
    published.archives = [name for name in sources if _is_in_project(name) and not _belongs_to_git(name)]
    outside = [name for name in sources if not _is_in_project(name) and not _is_tracked(name)]
    published.left_out |= dict.fromkeys(outside, "it is outside of the project")
    hashes = FileHashes(state / CACHE)
    hashes.fill([*publishable, *sources])
    _add(_changed_paths([*published.archives, *publishable], hashes, state), state)
    for path in published.archives:
        _seal(path, {}, {}, hashes)
    for path, record in publishable.items():
        inputs = {name: md5 for name in record["input"] if (md5 := hashes.md5(name)) is not None}
        note_published(path, _seal(path, inputs, for_seal(record), hashes), hashes)
        published.sealed.append(path)
    hashes.save()
    return published


def _seal(path: str, inputs: Mapping[str, str], record: Mapping[str, object], hashes: FileHashes) -> Seal:
    versioned = read_versioned(dvc_file(path))
    seal = Seal(versioned.md5, inputs, record)
    if seal.md5 != hashes.md5(path):
        remedy = "Wait until no process writes to it, and publish again"
        raise InputError(path, "changed while it was published", remedy)
    if versioned.seal != seal:
        write_seal(dvc_file(path), seal)
    return seal


def _reason_against(output: Output, record: Mapping[str, object] | None, records: Records) -> str:
    """Why an output cannot be published; empty if it can."""
    if not output.exists:
        return "it has not been made"
    if record is None:
        return "Snakemake has no record of it"
    if not records.complete(output.path):
        return "its job was interrupted or is still running"
    if is_stale(record):
        return "it is stale"
    if output.stale_reason:
        return output.stale_reason
    return "one of its inputs will be made again" if output.pending else ""


def _is_in_project(path: str) -> bool:
    return not os.path.isabs(path) and Path(os.path.normpath(path)).parts[0] in FOLDERS


def require_git() -> None:
    """Refuse to publish on a machine without git.

    Raises:
        InputError: there is no program git.
    """
    if shutil.which("git") is None:
        problem = "this program is not installed, or not in PATH; it says which files are versioned already"
        raise InputError("git", problem, "Install git (Debian, Ubuntu: apt-get install git), and publish again")


def _belongs_to_git(path: str) -> bool:
    """Whether git versions a file or would do so: git does not ignore it."""
    return subprocess.run(["git", "check-ignore", "--quiet", path], capture_output=True).returncode == 1


def _is_tracked(path: str) -> bool:
    """Whether git tracks a file; some rules have inputs beside the code."""
    return subprocess.run(["git", "ls-files", "--error-unmatch", path], capture_output=True).returncode == 0


def _changed_paths(paths: Iterable[str], hashes: FileHashes, state: Path) -> list[str]:
    """The paths whose present content DVC does not hold yet; adding the others again would only cost time."""
    cache = dvc("cache", "dir", state=state)
    contents = Path(cache.output, "files", "md5") if cache.ok else None
    return [path for path in paths if not _is_in_cache(path, hashes.md5(path), contents)]


def _is_in_cache(path: str, md5: str | None, contents: Path | None) -> bool:
    if md5 is None or contents is None or not dvc_file(path).is_file():
        return False
    return read_versioned(dvc_file(path)).md5 == md5 and (contents / md5[:2] / md5[2:]).is_file()


def _add(paths: Sequence[str], state: Path) -> None:
    if not paths:
        return
    # Unless DVC links files, it would copy each into its cache, and from there back over the original.
    links = re.search("hardlink|symlink", dvc("config", "cache.type", state=state).output)
    options = [] if links else ["--no-relink"]
    for start in range(0, len(paths), _MAX_PATHS):
        result = dvc("add", *options, *paths[start : start + _MAX_PATHS], state=state)
        if not result.ok:
            raise InputError("dvc add", f"failed: {result.reason}", "Correct the cause, and publish again")
