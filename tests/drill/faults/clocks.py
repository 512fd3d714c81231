"""The clock moves: the system clock cannot be set here, so all times in the folder move the other way."""

import json
import os
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from drill.faults.changes import LARGER_STEP, edit
from drill.faults.fault import Fault
from drill.scene import Scene
from drill.work import CLASSIFIER, STAIN, SYNTHESIS

DAY_S = 86400.0
RETRAINED = replace(CLASSIFIER, removed=(), outputs=CLASSIFIER.removed)


def shift(folder: Path, seconds: float) -> None:
    """Shift the times of all results and in the records of Snakemake."""
    for path in (folder / ".snakemake" / "metadata").rglob("*"):
        if path.is_file():
            record = json.loads(path.read_text())
            shifted = {name: record[name] + seconds for name in ("starttime", "endtime") if record.get(name)}
            path.write_text(json.dumps({**record, **shifted}))
    for part in ("results", ".snakemake/metadata", ".snakemake/incomplete", "data", "config.yaml"):
        for path in [folder / part, *(folder / part).rglob("*")]:
            if path.is_file():
                stat = path.stat()
                os.utime(path, (stat.st_atime + seconds, stat.st_mtime + seconds))


def after_a_kill(rule: str, clock_s: float) -> Callable[[Scene], None]:
    """Kill the workflow during a training, and move the clock before the next run."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule))
        running.signal(signal.SIGKILL, all_of_it=True)
        scene.record_run(running.wait(), must_explain=False)
        shift(scene.folder, -clock_s)

    return act


def in_the_middle(rule: str, clock_s: float) -> Callable[[Scene], None]:
    """Move the clock while a script of a rule runs."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule) / 2)
        shift(scene.folder, -clock_s)
        scene.record_run(running.wait())

    return act


def back_before_a_change(scene: Scene) -> None:
    """Move the clock back, train with other settings, and then request the results that depend on the training."""
    shift(scene.folder, DAY_S)
    edit(scene.folder, LARGER_STEP)
    model = Path("results", scene.base.run, CLASSIFIER.requested[0]).parent
    scene.record_run(scene.snakemake(str(model / "weights.safetensors")))
    scene.expect(lambda folder: edit(folder, LARGER_STEP))


FAULTS = [
    Fault("clock", "a day forward after a kill", STAIN, after_a_kill("stain_fit", DAY_S)),
    Fault("clock", "a day back after a kill", SYNTHESIS, after_a_kill("synthesis_fit", -DAY_S)),
    Fault("clock", "a day forward in a training", CLASSIFIER, in_the_middle("classify_fit", DAY_S)),
    Fault("clock", "a day back in a training", STAIN, in_the_middle("stain_fit", -DAY_S)),
    Fault("clock", "a day back, then a model is trained anew by itself", RETRAINED, back_before_a_change),
]
