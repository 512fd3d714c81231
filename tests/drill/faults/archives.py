"""An archive that somebody put there is damaged, or becomes another one."""

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from drill.faults.fault import RAW, Fault, write_anew
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
FINISHED = Work("nothing", (), (), READ.requested, READ.made)


def another(archive: Path, *, keep_time: bool) -> None:
    """The same archive without its last images, in the place of it."""
    new = archive.with_suffix(".new")
    with zipfile.ZipFile(archive) as old, zipfile.ZipFile(new, "w", zipfile.ZIP_STORED) as made:
        members = [member for member in old.infolist() if not member.is_dir()]
        for member in members[:-3]:
            made.writestr(member, old.read(member))
    if keep_time:
        before = archive.stat()
        os.utime(new, ns=(before.st_atime_ns, before.st_mtime_ns))
    os.replace(new, archive)


def truncated(rule: str) -> Callable[[Scene], None]:
    """Cut the archive off while a rule's script runs, and put the whole one back after the run."""

    def act(scene: Scene) -> None:
        archive = scene.folder / ARCHIVE
        content = archive.read_bytes()
        running = scene.start_workflow()
        running.wait_for_job(rule)
        with archive.open("rb+") as handle:
            handle.truncate(len(content) * 2 // 3)
        scene.disturb(running.wait())
        write_anew(archive, content, keep_time=False)

    return act


def replaced(rule: str, *, keep_time: bool) -> Callable[[Scene], None]:
    """Put another archive in its place while a rule's script runs, and run again with that."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule))
        another(scene.folder / ARCHIVE, keep_time=keep_time)
        scene.disturb(running.wait())
        scene.expect(lambda folder: another(folder / ARCHIVE, keep_time=keep_time))

    return act


def replaced_by_an_older_one(scene: Scene) -> None:
    """Put another archive, with the time of the present one, in its place after a finished run."""
    another(scene.folder / ARCHIVE, keep_time=True)
    scene.expect(lambda folder: another(folder / ARCHIVE, keep_time=True))


def _fault(name: str, work: Work, act: Callable[[Scene], None]) -> Fault:
    return Fault("archive", name, work, act, base=RAW)


FAULTS = [
    _fault("truncated while it is read, then put back", READ, truncated("inventory")),
    _fault("replaced while it is read", READ, replaced("inventory", keep_time=False)),
    _fault("replaced while its images are written, time kept", READ, replaced("images", keep_time=True)),
    _fault("replaced by another of the same time after a run", FINISHED, replaced_by_an_older_one),
]
