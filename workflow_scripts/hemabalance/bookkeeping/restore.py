"""Before the DAG is built: tell Snakemake of every file that DVC brought back whether it may be kept.

A clone has neither Snakemake's records nor meaningful modification times: without help half of the stages would run
again, and what is really stale would go unseen. So each published file is compared with its seal, inputs first:

- it and its inputs are what the seal says: its record is put back, and its modification time lifted above its inputs';
- it or an input is another: its record is marked stale, so that its job runs again, and says why;
- it was built here, after it was published: it is left alone.

What config and code have become since is Snakemake's to notice, from the record.
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
"""In `.snakemake`: the hashes of files, by path."""


@dataclass
class Restored:
    """What was done.

    Attributes:
        kept: files whose record was put back.
        stale: path -> why it will be made again.
        times: files whose modification time was lifted.
    """

    kept: list[str] = field(default_factory=list)
    stale: dict[str, str] = field(default_factory=dict)
    times: list[str] = field(default_factory=list)


def restore(state: Path) -> Restored:
    """Compare what was published with its seals, and tell Snakemake.

    Args:
        state: Snakemake's folder `.snakemake` in the working folder, which all paths are from.

    Raises:
        InputError: a `.dvc` file is damaged; files are links to what DVC's cache no longer holds.
    """
    known = {one.path: one for one in map(read_versioned, dvc_files())}
    _refuse_dead_links(list(known))
    done = Restored()
    sealed = [path for path, one in known.items() if one.seal and one.seal.record and os.path.isfile(path)]
    if not sealed:
        return done
    hashes, records = FileHashes(state / CACHE), Records(state)
    hashes.fill({*sealed, *(name for path in sealed for name in _seal_of(known[path]).inputs)})
    for path in _inputs_first(sealed, known):
        _restore_one(path, known, hashes, records, done)
    hashes.save()
    return done


def report_lines(done: Restored) -> Iterator[str]:
    """Lines for people about what was done; none where there is nothing to say."""
    if done.kept:
        yield f"{len(done.kept)} published files are what their seals say and are kept."
    for path, why in done.stale.items():
        yield f"Stale: {path}: {why}."


def _refuse_dead_links(paths: Sequence[str]) -> None:
    """The cache may be on a disk that is not mounted: neither to be made again for that, nor to be taken for there."""
    dead = [path for path in paths if os.path.islink(path) and not os.path.exists(path)]
    if dead:
        others = f", as are {len(dead) - 1} others" if len(dead) > 1 else ""
        problem = f"is a link to what DVC's cache no longer holds{others}"
        raise InputError(
            dead[0], problem, "Bring the cache back, or run `dvc pull`; what you delete will be made again"
        )


def _seal_of(one: Versioned) -> Seal:
    assert one.seal is not None
    return one.seal


def _inputs_first(paths: list[str], known: Mapping[str, Versioned]) -> Iterator[str]:
    """The paths, each after those of its inputs that are among them."""
    todo, seen = dict.fromkeys(sorted(paths)), set()

    def visit(path: str) -> Iterator[str]:
        stack = [(path, iter(sorted(_seal_of(known[path]).inputs)))]
        seen.add(path)
        while stack:
            at, names = stack[-1]
            following = next((name for name in names if name in todo and name not in seen), None)
            if following is None:
                stack.pop()
                yield at
            else:
                seen.add(following)
                stack.append((following, iter(sorted(_seal_of(known[following]).inputs))))

    for path in todo:
        if path not in seen:
            yield from visit(path)


def _restore_one(
    path: str, known: Mapping[str, Versioned], hashes: FileHashes, records: Records, done: Restored
) -> None:
    seal = _seal_of(known[path])
    present = records.read(path) or {}
    if _built_here(path, present, seal, hashes):
        return
    why = _why_stale(path, seal, known, hashes)
    if why:
        done.stale[path] = why
        records.mark_stale(path, dict(seal.record), why)
        return
    _lift(path, seal, hashes, done)
    if for_seal(present) != seal.record:
        records.write(path, dict(seal.record))
        done.kept.append(path)
    note_published(path, seal, hashes)


def note_published(path: str, seal: Seal, hashes: FileHashes) -> None:
    """Note of a file that it is the one of its seal, and so no longer one that was only built here."""
    hashes.note(path, [seal.record.get("starttime"), "published"])


def _built_here(path: str, present: Mapping[str, Any], seal: Seal, hashes: FileHashes) -> bool:
    """Whether the file is what a job made here since it was last published, and not what was published.

    A file is the one that Snakemake's record is about while its modification time is that of the record; the record's
    name for itself, the time at which its job began, is then noted with the content, since files are touched. Once that
    is published, the `.dvc` file of another commit is a wish to have that one.
    """
    began = present.get("starttime")
    if began is None or began == seal.record.get("starttime") or is_stale(present):
        return False
    if os.stat(path).st_mtime == present.get("endtime") and hashes.noted(path) != [began, "published"]:
        hashes.note(path, [began, "built"])
    return hashes.noted(path) == [began, "built"]


def _why_stale(path: str, seal: Seal, known: Mapping[str, Versioned], hashes: FileHashes) -> str:
    """Why a file is not what its inputs make; empty if it is."""
    if known[path].md5 != seal.md5:
        return f"{path} was put into DVC without a seal"
    if hashes.md5(path) != seal.md5:
        return f"the content of {path} is not what was published"
    for name, was in sorted(seal.inputs.items()):
        now = hashes.md5(name)
        if now is None and name in known:
            now = known[name].md5  # not pulled: what DVC would bring
        if now is not None and now != was:
            return f"its input {name} has changed since it was published"
    return ""


def _lift(path: str, seal: Seal, hashes: FileHashes, done: Restored) -> None:
    """No input may be newer than the file."""
    latest = max((os.stat(name).st_mtime for name in seal.inputs if os.path.isfile(name)), default=0.0)
    if os.stat(path).st_mtime < latest:
        hashes.lift(path, latest)
        done.times.append(path)
