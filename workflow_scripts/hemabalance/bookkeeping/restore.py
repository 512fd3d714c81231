"""Before the DAG is built: decide for every published file whether Snakemake may keep it.

A clone has neither Snakemake's records nor meaningful modification times. Without `restore`, half of the stages would
run again, and stale files would go unnoticed. Each published file is compared with its seal, inputs first:

- The file and its inputs match the seal: Snakemake's record is put back, and the file's modification time is raised to
  the latest of its inputs' times.
- The file or an input differs from the seal: the record is marked stale, so that Snakemake runs the job again.
- The file was built here after it was last published: it is left alone.

Snakemake itself compares the restored record with the present config and code.
"""

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hemabalance.bookkeeping.hashes import FileHashes
from hemabalance.bookkeeping.records import Records, for_seal, is_stale
from hemabalance.bookkeeping.seals import Seal, Versioned, dvc_files, read_versioned
from hemabalance.errors import InputError

CACHE = "hemabalance/hashes.json"
"""In `.snakemake`: md5 of files, by path."""


@dataclass
class Restored:
    """What was restored.

    Attributes:
        kept: files whose record was put back.
        stale: path -> reason why the file will be made again.
        times: files whose modification time was raised.
    """

    kept: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)
    times: list[str] = field(default_factory=list)


def restore(state: Path) -> Restored:
    """Compare the published files that exist here with their seals, and update Snakemake's records.

    Args:
        state: Snakemake's folder `.snakemake` in the working folder; all paths are relative to that folder.

    Raises:
        InputError: a `.dvc` file is damaged; files are links to contents that are missing in DVC's cache.
    """
    known = {versioned.path: versioned for versioned in map(read_versioned, dvc_files())}
    _refuse_dead_links(list(known))
    restored = Restored()
    sealed = [path for path, file in known.items() if file.seal and file.seal.record and os.path.isfile(path)]
    if not sealed:
        return restored
    hashes, records = FileHashes(state / CACHE), Records(state)
    hashes.fill({*sealed, *(name for path in sealed for name in _seal_of(known[path]).inputs)})
    for path in _inputs_first(sealed, known):
        _restore_file(path, known, hashes, records, restored)
    hashes.save()
    return restored


def report_lines(restored: Restored) -> Iterator[str]:
    """Messages for the user; none if nothing was restored."""
    if restored.kept:
        yield f"{len(restored.kept)} published files match their seals and are kept."
    for path, reason in restored.stale.items():
        yield f"Stale: {path}: {reason}."


def _refuse_dead_links(paths: Sequence[str]) -> None:
    """The disk of the cache may not be mounted: these files are neither present nor to be made again."""
    dead = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
    if dead:
        others = f", as are {len(dead) - 1} others" if len(dead) > 1 else ""
        problem = f"is a link to what DVC's cache no longer holds{others}"
        remedy = "Restore the cache, or run `dvc pull`; a file that you delete will be made again"
        raise InputError(dead[0], problem, remedy)


def _seal_of(versioned: Versioned) -> Seal:
    assert versioned.seal is not None
    return versioned.seal


def _inputs_first(paths: list[str], known: Mapping[str, Versioned]) -> Iterator[str]:
    """The paths in an order in which each comes after its inputs (depth-first)."""
    todo, visited = dict.fromkeys(sorted(paths)), set()

    def visit(start: str) -> Iterator[str]:
        stack = [(start, iter(sorted(_seal_of(known[start]).inputs)))]
        visited.add(start)
        while stack:
            path, inputs = stack[-1]
            following = next((name for name in inputs if name in todo and name not in visited), None)
            if following is None:
                stack.pop()
                yield path
            else:
                visited.add(following)
                stack.append((following, iter(sorted(_seal_of(known[following]).inputs))))

    for path in todo:
        if path not in visited:
            yield from visit(path)


def _restore_file(
    path: str, known: Mapping[str, Versioned], hashes: FileHashes, records: Records, restored: Restored
) -> None:
    seal = _seal_of(known[path])
    record = records.read(path) or {}
    if _built_here(path, record, seal, hashes):
        return
    reason = _stale_reason(path, seal, known, hashes)
    if reason:
        restored.stale[path] = reason
        records.mark_stale(path, dict(seal.record), reason)
        return
    _raise_time(path, seal, hashes, restored)
    if for_seal(record) != seal.record:
        records.write(path, dict(seal.record))
        restored.kept.append(path)
    note_published(path, seal, hashes)


def note_published(path: str, seal: Seal, hashes: FileHashes) -> None:
    """Note that the present content of a file is the published one."""
    hashes.set_note(path, [seal.record.get("starttime"), "published"])


def _built_here(path: str, record: Mapping[str, Any], seal: Seal, hashes: FileHashes) -> bool:
    """Whether a job has built the file here since it was last published.

    While the file's modification time is the `endtime` of Snakemake's record, the record describes the file. That fact
    is noted with the content, because modification times change later; the record is identified by its `starttime`. If
    that content is published later and the `.dvc` file then names another, the user has checked out another commit
    and wants that commit's file.
    """
    started = record.get("starttime")
    if started is None or started == seal.record.get("starttime") or is_stale(record):
        return False
    if os.stat(path).st_mtime == record.get("endtime") and hashes.note(path) != [started, "published"]:
        hashes.set_note(path, [started, "built"])
    return hashes.note(path) == [started, "built"]


def _stale_reason(path: str, seal: Seal, known: Mapping[str, Versioned], hashes: FileHashes) -> str:
    """Why a file does not match its seal or its inputs; empty if it does."""
    if known[path].md5 != seal.md5:
        return f"{path} was put into DVC without a seal"
    if hashes.md5(path) != seal.md5:
        return f"the content of {path} is not what was published"
    for name, sealed_md5 in sorted(seal.inputs.items()):
        md5 = hashes.md5(name)
        if md5 is None and name in known:
            md5 = known[name].md5  # not pulled: the content that DVC would bring
        if md5 is not None and md5 != sealed_md5:
            return f"its input {name} has changed since it was published"
    return ""


def _raise_time(path: str, seal: Seal, hashes: FileHashes, restored: Restored) -> None:
    """Make sure that no input has a later modification time than the file."""
    latest = max((os.stat(name).st_mtime for name in seal.inputs if os.path.isfile(name)), default=0.0)
    if os.stat(path).st_mtime < latest:
        hashes.set_time(path, latest)
        restored.times.append(path)
