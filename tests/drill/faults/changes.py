"""Settings and code change in the middle of a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from drill.faults.fault import Fault
from drill.scene import DRILL, Scene
from drill.work import CLASSIFIER, STAIN

LARGER_STEP = {"classify": {"training": {"lr": 0.02}}}
OTHER_STAIN = {"stain": {"normalizers": {"wcyclegan_gp": {"lr": 0.004}}}}
MORE_OUT_OF_DISTRIBUTION = {"classify": {"evaluation": {"out_of_distribution_quantile": 0.6}}}
MODULE = Path("workflow_scripts", "hemabalance", "metrics", "intervals.py")
FEWER_DRAWS = ("RESAMPLES = 2000", "RESAMPLES = 200")


def edit(folder: Path, change: dict[str, Any]) -> str:
    """Lay a change over the drill's own overlay; what was there."""
    path = folder / DRILL
    before = path.read_text()
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(before) or {}, change)))
    return before


def merged(one: Any, other: Any) -> Any:
    """Both, the second before the first."""
    if not isinstance(one, dict) or not isinstance(other, dict):
        return other
    return {**one, **{key: merged(one.get(key), value) for key, value in other.items()}}


def and_back(rule: str, change: dict[str, Any]) -> Callable[[Scene], None]:
    """Change the config while a rule's script runs, and change it back after the run."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        before = edit(scene.folder, change)
        scene.disturb(running.wait())
        (scene.folder / DRILL).write_text(before)

    return act


def code_and_back(rule: str) -> Callable[[Scene], None]:
    """Edit a module of a later rule while a rule's script runs, and undo it after the run."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        module = scene.folder / MODULE
        before = module.read_text()
        assert FEWER_DRAWS[0] in before
        module.write_text(before.replace(*FEWER_DRAWS))
        scene.disturb(running.wait())
        module.write_text(before)

    return act


def for_one_run(change: dict[str, Any]) -> Callable[[Scene], None]:
    """Run once with other settings, and go back to those before."""

    def act(scene: Scene) -> None:
        before = edit(scene.folder, change)
        scene.disturb(scene.snakemake(*scene.targets))
        (scene.folder / DRILL).write_text(before)

    return act


def and_on(rule: str, change: dict[str, Any]) -> Callable[[Scene], None]:
    """Change the config while a rule's script runs, and run again with the new one."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        edit(scene.folder, change)
        scene.disturb(running.wait())
        scene.expect(lambda folder: edit(folder, change))

    return act


FAULTS = [
    Fault("config", "changed while a classifier trains, then back", CLASSIFIER, and_back("classify_fit", LARGER_STEP)),
    Fault("config", "changed while a normaliser trains, then back", STAIN, and_back("stain_fit", OTHER_STAIN)),
    Fault(
        "config",
        "of a later job, while a classifier trains, then back",
        CLASSIFIER,
        and_back("classify_fit", MORE_OUT_OF_DISTRIBUTION),
    ),
    Fault("code", "of a later job, while a classifier trains, then back", CLASSIFIER, code_and_back("classify_fit")),
    Fault("config", "changed while a classifier trains, kept", CLASSIFIER, and_on("classify_fit", LARGER_STEP)),
    Fault("config", "another for one run, then back", CLASSIFIER, for_one_run(LARGER_STEP)),
]
