"""The disk is full, or a folder cannot be written to."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from drill.faults.fault import Fault
from drill.mount_namespace import MountNamespace, fill
from drill.scene import Scene
from drill.work import CLASSIFIER, STAIN, SYNTHESIS, TABLES, Work

_SPARE = 64 << 20


def full(rule: str, *, everything: bool) -> Callable[[Scene], None]:
    """Fill the disk of the results, or of the whole project, while a rule's script runs; then make room again."""

    def act(scene: Scene) -> None:
        namespace = scene.enter(MountNamespace())
        place = scene.project.folder if everything else scene.project.folder / "results"
        kept = place.with_name(place.name + ".kept")
        place.rename(kept)
        place.mkdir()
        size = sum(path.stat().st_size + 8192 for path in kept.rglob("*") if path.is_file())
        namespace.small_disk(place, size + _SPARE)
        shutil.copytree(kept, namespace.seen(place), symlinks=True, dirs_exist_ok=True)
        shutil.rmtree(kept)
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule) / 2)
        ballast = fill(scene.folder if everything else scene.folder / "results")
        scene.disturb(running.wait())
        ballast.unlink()

    return act


def read_only(rule: str, folder: str) -> Callable[[Scene], None]:
    """Forbid writing to a folder of the results while a rule's script runs; then allow it again."""

    def act(scene: Scene) -> None:
        place = scene.project.folder / "results" / scene.base.run / folder
        # Permissions mean nothing to root.
        namespace = scene.enter(MountNamespace()) if os.geteuid() == 0 else None
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule) / 2)
        modes = {} if namespace else _forbid(place)
        if namespace:
            namespace.read_only(place)
        scene.disturb(running.wait())
        _allow(modes)
        if namespace:
            namespace.unmount(place)

    return act


def _forbid(folder: Path) -> dict[Path, int]:
    modes = {path: path.stat().st_mode for path in [folder, *folder.rglob("*")] if path.is_dir()}
    for path in modes:
        path.chmod(0o555)
    return modes


def _allow(modes: dict[Path, int]) -> None:
    for path, mode in modes.items():
        path.chmod(mode)


def _fault(name: str, work: Work, act: Callable[[Scene], None]) -> Fault:
    return Fault("disk", name, work, act)


_CLASSIFIERS = "leak_free/classifiers"
FAULTS = [
    _fault("results' disk full, a normaliser in training", STAIN, full("stain_fit", everything=False)),
    _fault("results' disk full, images being drawn", SYNTHESIS, full("synthesis_images", everything=False)),
    _fault("results' disk full, tables being made", TABLES, full("classify_report", everything=False)),
    _fault("the project's disk full, a classifier in training", CLASSIFIER, full("classify_fit", everything=True)),
    _fault("classifiers/ read-only, one in training", CLASSIFIER, read_only("classify_fit", _CLASSIFIERS)),
    _fault("tables/ read-only, tables being made", TABLES, read_only("classify_report", "tables")),
    _fault(".state/ read-only, a normaliser in training", STAIN, read_only("stain_fit", ".state")),
]
