"""Jobs and whole workflows are killed or asked to stop."""

import signal
from collections.abc import Callable

from drill.faults.fault import Fault
from drill.scene import Scene
from drill.work import CLASSIFIER, IMAGES, STAIN, SYNTHESIS, TABLES, Work

KILL, TERM, INT = signal.SIGKILL, signal.SIGTERM, signal.SIGINT


def job(rule: str, number: signal.Signals) -> Callable[[Scene], None]:
    """A signal to a rule's script."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        script = running.wait_for_job(rule)
        running.pause(scene.moment(rule))
        if not any(one.pid == script.pid for one in running.jobs(rule)):
            scene.miss(running, f"the job of {rule} had ended")
        script.send_signal(number)
        scene.disturb(running.wait(), must_explain=False)

    return act


def workflow(rule: str, number: signal.Signals, *, all_of_it: bool = True, times: int = 1) -> Callable[[Scene], None]:
    """A signal to Snakemake, with or without its jobs, while a rule's script runs."""

    def act(scene: Scene) -> None:
        for session in range(times):
            if session:
                scene.unlock()
            running = scene.start_workflow()
            running.wait_for_job(rule)
            running.pause(scene.moment(rule))
            running.signal(number, all_of_it=all_of_it)
            said = running.wait()
            if said.code == 0:
                scene.miss(running, "the workflow came to its end all the same")
            scene.disturb(said, must_explain=False)

    return act


def orphans(rule: str) -> Callable[[Scene], None]:
    """Snakemake alone dies; while its jobs go on, somebody unlocks the folder and starts it again."""

    def act(scene: Scene) -> None:
        running = scene.start_workflow()
        running.wait_for_job(rule)
        running.pause(scene.moment(rule))
        running.signal(KILL, all_of_it=False)
        scene.disturb(running.wait_alone(), must_explain=False)
        if not running.jobs(rule):
            scene.miss(running, f"the job of {rule} had ended")
        scene.unlock()
        scene.disturb(scene.snakemake(*scene.targets))
        running.wait()

    return act


def _fault(name: str, work: Work, act: Callable[[Scene], None]) -> Fault:
    return Fault("kill", name, work, act)


FAULTS = [
    _fault("SIGKILL to the training of a normaliser", STAIN, job("stain_fit", KILL)),
    _fault("SIGKILL to the training of a classifier", CLASSIFIER, job("classify_fit", KILL)),
    _fault("SIGKILL to a job that writes images", IMAGES, job("images", KILL)),
    _fault("SIGKILL to a job that draws images", SYNTHESIS, job("synthesis_images", KILL)),
    _fault("SIGTERM to the training of a generator", SYNTHESIS, job("synthesis_fit", TERM)),
    _fault("SIGTERM to a job that recolours images", STAIN, job("stain_images", TERM)),
    _fault("SIGKILL to everything, a generator in training", SYNTHESIS, workflow("synthesis_fit", KILL)),
    _fault("SIGKILL to everything, three times", CLASSIFIER, workflow("classify_fit", KILL, times=3)),
    _fault("SIGKILL to everything, the manifest being made", IMAGES, workflow("manifest", KILL)),
    _fault("SIGTERM to everything, a classifier in training", CLASSIFIER, workflow("classify_fit", TERM)),
    _fault("SIGINT (Ctrl-C), a normaliser in training", STAIN, workflow("stain_fit", INT)),
    _fault("SIGINT (Ctrl-C), twice, tables being made", TABLES, workflow("classify_report", INT, times=2)),
    _fault("SIGTERM to Snakemake alone", STAIN, workflow("stain_fit", TERM, all_of_it=False)),
    _fault("SIGKILL to Snakemake alone, started again beside its jobs", CLASSIFIER, orphans("classify_fit")),
    _fault("the same, images being written", IMAGES, orphans("images")),
]
