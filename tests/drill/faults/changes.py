"""Settings or code change during a run."""

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
FEWER_RESAMPLES = ("RESAMPLES = 2000", "RESAMPLES = 200")


def edit(folder: Path, change: dict[str, Any]) -> str:
    """Merge a change into the drill's overlay; return its previous content."""
    path = folder / DRILL
    before = path.read_text()
    path.write_text(yaml.safe_dump(merged(yaml.safe_load(before) or {}, change)))
    return before


def merged(base: Any, override: Any) -> Any:
    """Merge two nested dictionaries; values of `override` take precedence."""
    if not isinstance(base, dict) or not isinstance(override, dict):
        return override
    return {**base, **{key: merged(base.get(key), value) for key, value in override.items()}}


def changed_and_reverted(rule: str, change: dict[str, Any]) -> Callable[[Scene], None]:
    """Change the config while a script of a rule runs, and revert it after the run."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        before = edit(scene.folder, change)
        scene.record_run(running.wait())
        (scene.folder / DRILL).write_text(before)

    return act


def code_changed_and_reverted(rule: str) -> Callable[[Scene], None]:
    """Edit a module of a later rule while a script of a rule runs, and revert it after the run."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        module = scene.folder / MODULE
        before = module.read_text()
        assert FEWER_RESAMPLES[0] in before
        module.write_text(before.replace(*FEWER_RESAMPLES))
        scene.record_run(running.wait())
        module.write_text(before)

    return act


def for_one_run(change: dict[str, Any]) -> Callable[[Scene], None]:
    """Run once with other settings, and revert them."""

    def act(scene: Scene) -> None:
        before = edit(scene.folder, change)
        scene.record_run(scene.snakemake(*scene.targets))
        (scene.folder / DRILL).write_text(before)

    return act


def changed_and_kept(rule: str, change: dict[str, Any]) -> Callable[[Scene], None]:
    """Change the config while a script of a rule runs, and run again with the new config."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        edit(scene.folder, change)
        scene.record_run(running.wait())
        scene.expect(lambda folder: edit(folder, change))

    return act


FAULTS = [
    Fault(
        "config",
        "changed while a classifier trains, then back",
        CLASSIFIER,
        changed_and_reverted("classify_fit", LARGER_STEP),
    ),
    Fault(
        "config", "changed while a normaliser trains, then back", STAIN, changed_and_reverted("stain_fit", OTHER_STAIN)
    ),
    Fault(
        "config",
        "of a later job, while a classifier trains, then back",
        CLASSIFIER,
        changed_and_reverted("classify_fit", MORE_OUT_OF_DISTRIBUTION),
    ),
    Fault(
        "code",
        "of a later job, while a classifier trains, then back",
        CLASSIFIER,
        code_changed_and_reverted("classify_fit"),
    ),
    Fault(
        "config", "changed while a classifier trains, kept", CLASSIFIER, changed_and_kept("classify_fit", LARGER_STEP)
    ),
    Fault("config", "another for one run, then back", CLASSIFIER, for_one_run(LARGER_STEP)),
]
