"""A local archive is damaged or replaced."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from drill.faults.fault import RAW, Fault, rewrite
from drill.scene import Scene
from drill.work import Work

ARCHIVE = Path("data/raw/mendeley.zip")
READ = Work(
    "archives",
    ("inventory", "manifest", "images"),
    ("inventory/mendeley*", "manifest/*", "images/mendeley*"),
    ("images/*.zip",),
    ("inventory/*", "manifest/*", "images/*"),
)
FINISHED = Work("nothing", (), (), READ.requested, READ.outputs)


def replace_archive(archive: Path, *, keep_time: bool) -> None:
    """Replace the archive by a copy without its last images."""
    new = archive.with_suffix(".new")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as target:
        members = [member for member in source.infolist() if not member.is_dir()]
        for member in members[:-3]:
            target.writestr(member, source.read(member))
    if keep_time:
        before = archive.stat()
        os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(new, archive)


def truncated(rule: str) -> Callable[[Scene], None]:
    """Truncate the archive while a script of a rule runs, and restore it after the run."""

    def act(scene: Scene) -> None:
        archive = scene.folder / ARCHIVE
        content = archive.read_bytes()
        running = scene.start_workflow()
        running.wait_for_job(rule)
        with archive.open("rb+") as handle:
            handle.truncate(len(content) * 2 // 3)
        scene.record_run(running.wait())
        rewrite(archive, content, keep_time=False)

    return act


def replaced(rule: str, *, keep_time: bool) -> Callable[[Scene], None]:
    """Replace the archive while a script of a rule runs, and run again with the new one."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule))
        replace_archive(scene.folder / ARCHIVE, keep_time=keep_time)
        scene.record_run(running.wait())
        scene.expect(lambda folder: replace_archive(folder / ARCHIVE, keep_time=keep_time))

    return act


def replaced_by_an_older_one(scene: Scene) -> None:
    """Replace the archive after a finished run by replace_archive one with the same modification time."""
    replace_archive(scene.folder / ARCHIVE, keep_time=True)
    scene.expect(lambda folder: replace_archive(folder / ARCHIVE, keep_time=True))


def _fault(name: str, work: Work, act: Callable[[Scene], None]) -> Fault:
    return Fault("archive", name, work, act, base=RAW)


FAULTS = [
    _fault("truncated while it is read, then put back", READ, truncated("inventory")),
    _fault("replaced while it is read", READ, replaced("inventory", keep_time=False)),
    _fault("replaced while its images are written, time kept", READ, replaced("images", keep_time=True)),
    _fault("replaced by another of the same time after a run", FINISHED, replaced_by_an_older_one),
]
