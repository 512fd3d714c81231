"""Two processes at once: two workflows in one folder, two publishes, or one of each."""

from collections.abc import Callable

from drill.faults.fault import PUBLISHED, Fault
from drill.scene import Scene
from drill.work import CLASSIFIER, IMAGES, TABLES

_REFUSED = "cannot be locked"


def second_later(rule: str) -> Callable[[Scene], None]:
    """Start a second workflow while a script of the first one runs; the second must be refused."""

    def act(scene: Scene) -> None:
        first = scene.start_workflow()
        first.wait_for_job(rule)
        second = scene.start_workflow().wait()
        scene.record_run(second)
        if second.code == 0 or _REFUSED not in second.text:
            scene.wrong.append("the second workflow was not refused")
        scene.record_run(first.wait())

    return act


def at_one_moment(scene: Scene) -> None:
    """Start two workflows at once; at most one may continue."""
    workflows = [scene.start_workflow(), scene.start_workflow()]
    for running in workflows:
        scene.record_run(running.wait())


def two_publish(scene: Scene) -> None:
    """Publish twice at the same time."""
    publishes = [scene.hemabalance("publish"), scene.hemabalance("publish")]
    for running in publishes:
        scene.record_run(running.wait())
    scene.record_run(scene.hemabalance("publish").wait())


def publish_while_it_runs(scene: Scene) -> None:
    """Publish during a run."""
    running = scene.start_workflow()
    running.wait_for_job("classify_fit")
    scene.record_run(scene.hemabalance("publish").wait())
    scene.record_run(running.wait())


FAULTS = [
    Fault("two at once", "a second workflow while one runs", CLASSIFIER, second_later("classify_fit")),
    Fault("two at once", "two workflows at one moment", IMAGES, at_one_moment),
    Fault("two at once", "two publishes at one moment", TABLES, two_publish, base=PUBLISHED),
    Fault("two at once", "a publish while a workflow runs", CLASSIFIER, publish_while_it_runs, base=PUBLISHED),
]
