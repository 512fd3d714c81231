"""What the trainings of all generators share: what the weights' file says of them, and the call of the loop."""

from typing import Any

from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.settings import SynthesisTraining
from hemabalance.training.job import FitJob
from hemabalance.training.loop import Schedule, Trainable, TrainingResult, train
from hemabalance.training.settings import WITHOUT_EFFECT


def describe(method: str, size: int, classes: Classes, settings: SynthesisTraining) -> dict[str, Any]:
    """What is written with a generator's weights: all that `build` asks for, as JSON values.

    Args:
        method: its name.
        size: side of the images in pixels.
        classes: trained and served.
        settings: of the method.
    """
    known = {"trained": list(classes.trained), "served": list(classes.served)}
    return {"method": method, "size": size, "classes": known, "settings": settings.plain}


def train_generator(
    training: Trainable, steps: int, own: SynthesisTraining, description: dict[str, Any], images: str, job: FitJob
) -> TrainingResult:
    """Train, or go on with the training that `job.state` holds.

    Args:
        training: the players.
        steps: how many.
        own: settings of the method.
        description: as `describe` gave it.
        images: tells one set of training images from another.
        job: where and how.

    Raises:
        InputError: the training diverged, the disk is full, or `job.state` holds one of other data or settings.
    """
    shaping = {key: value for key, value in description["settings"].items() if key not in WITHOUT_EFFECT}
    return train(
        training,
        Schedule(steps, own.checkpoint_every, own.log_every),
        state=job.state,
        history=job.history,
        description=description | {"settings": shaping, "seed": job.seed, "images": images},
        runtime=job.runtime,
        what=f"training {description['method']}",
    )
