"""Downloaded weights are damaged, or the download fails."""

import signal
from collections.abc import Callable
from pathlib import Path

from drill.faults.damage import Damage, openly, silently
from drill.faults.fault import Fault, cut, flip
from drill.scene import Scene
from drill.work import Work

INCEPTION = Path("data/weights/inception.safetensors")
INCEPTION_FEATURES = Work(
    "Inception features",
    ("stain_real",),
    ("leak_free/real_features/tcia.safetensors",),
    ("leak_free/real_features/tcia.safetensors",),
)
_NOWHERE = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_NO_INDEX": "0"}


def damaged(damage: Damage) -> Callable[[Scene], None]:
    """Damage the weights before a job reads them."""

    def act(scene: Scene) -> None:
        damage(scene.folder / INCEPTION, scene.random)

    return act


def broken_off(scene: Scene) -> None:
    """Kill the download."""
    (scene.folder / INCEPTION).unlink()
    running = scene.start_workflow()
    script = running.wait_for_job("pretrained_weights")
    running.pause(scene.moment("pretrained_weights"))
    if not any(one.pid == script.pid for one in running.jobs("pretrained_weights")):
        scene.miss(running, "the download had ended")
    script.send_signal(signal.SIGKILL)
    scene.record_run(running.wait(), must_explain=False)


def no_network(scene: Scene) -> None:
    """Start the download without a network."""
    (scene.folder / INCEPTION).unlink()
    scene.record_run(scene.start_workflow(more=_NOWHERE).wait())


FAULTS = [
    Fault(
        "weights", "a bit of Inception's weights flips, their time kept", INCEPTION_FEATURES, damaged(silently(flip))
    ),
    Fault("weights", "Inception's weights are truncated", INCEPTION_FEATURES, damaged(openly(cut))),
    Fault("weights", "their download is killed", INCEPTION_FEATURES, broken_off),
    Fault("weights", "their download finds no network", INCEPTION_FEATURES, no_network),
]
