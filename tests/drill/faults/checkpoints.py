"""A training is killed, and its checkpoint is damaged."""

import random
import signal
from collections.abc import Callable
from pathlib import Path

from drill.faults.fault import Fault, cut, flip
from drill.scene import Scene
from drill.work import CLASSIFIER, STAIN, SYNTHESIS, Work

CHECKPOINT, HISTORY = "checkpoint.safetensors", "history.jsonl"


def damaged(rule: str, name: str, damage: Callable[[Path, random.Random], None]) -> Callable[[Scene], None]:
    """Kill the workflow after a checkpoint was written, and damage a file in the folder of the checkpoint."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        states = scene.results / ".state" / rule
        running.wait_until(lambda: list(states.rglob(CHECKPOINT)), "a checkpoint")
        running.signal(signal.SIGKILL, all_of_it=True)
        scene.record_run(running.wait(), must_explain=False)
        if not (paths := list(states.rglob(name))):
            scene.miss(running, "the training had ended")
        damage(paths[0], scene.random)

    return act


def half_written(scene: Scene) -> None:
    """Leave partially written files, as after a power failure."""
    for path in scene.work.removed_files(scene.base.results):
        content = path.read_bytes()
        name = path.relative_to(scene.base.results)
        (scene.results / name).with_name(name.name + ".part").write_bytes(content[: len(content) // 2])


def _flip(path: Path, random_source: random.Random) -> None:
    flip(path, random_source, keep_time=False)


def _cut(path: Path, random_source: random.Random) -> None:
    cut(path, random_source, keep_time=False)


def _empty(path: Path, random_source: random.Random) -> None:
    path.write_bytes(b"")


def _fault(name: str, work: Work, act: Callable[[Scene], None]) -> Fault:
    return Fault("checkpoint", name, work, act)


FAULTS = [
    _fault("a bit of a classifier's checkpoint is flipped", CLASSIFIER, damaged("classify_fit", CHECKPOINT, _flip)),
    _fault("a normaliser's checkpoint is truncated", STAIN, damaged("stain_fit", CHECKPOINT, _cut)),
    _fault("a generator's history is truncated", SYNTHESIS, damaged("synthesis_fit", HISTORY, _empty)),
    _fault("half-written files are left lying", CLASSIFIER, half_written),
]
