"""Two at once: workflows in one folder, publishers, one of each."""

from collections.abc import Callable

from drill.faults.fault import PUBLISHED, Fault
from drill.scene import Scene
from drill.work import CLASSIFIER, IMAGES, TABLES

_REFUSED = "cannot be locked"


def second_later(rule: str) -> Callable[[Scene], None]:
    """A second workflow is started while a rule's script of the first runs: it must be refused."""

    def act(scene: Scene) -> None:
        first = scene.start_workflow()
        first.wait_for_job(rule)
        second = scene.start_workflow().wait()
        scene.disturb(second)
        if second.code == 0 or _REFUSED not in second.text:
            scene.wrong.append("the second workflow was not refused")
        scene.disturb(first.wait())

    return act


def at_one_moment(scene: Scene) -> None:
    """Two workflows are started together: at most one may go on."""
    both = [scene.start_workflow(), scene.start_workflow()]
    for one in both:
        scene.disturb(one.wait())


def two_publish(scene: Scene) -> None:
    """Two people publish at the same moment."""
    both = [scene.hemabalance("publish"), scene.hemabalance("publish")]
    for one in both:
        scene.disturb(one.wait())
    scene.disturb(scene.hemabalance("publish").wait())


def publish_while_it_runs(scene: Scene) -> None:
    """Somebody publishes in the middle of a run."""
    running = scene.start_workflow()
    running.wait_for_job("classify_fit")
    scene.disturb(scene.hemabalance("publish").wait())
    scene.disturb(running.wait())


FAULTS = [
    Fault("two at once", "a second workflow while one runs", CLASSIFIER, second_later("classify_fit")),
    Fault("two at once", "two workflows at one moment", IMAGES, at_one_moment),
    Fault("two at once", "two publishes at one moment", TABLES, two_publish, base=PUBLISHED),
    Fault("two at once", "a publish while a workflow runs", CLASSIFIER, publish_while_it_runs, base=PUBLISHED),
]
