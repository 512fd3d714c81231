"""Code that the trainings of all generators share: the description in the weights file and the training loop."""

from typing import Any

from hemabalance.synthesis.method import GeneratorSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.settings import SynthesisTraining
from hemabalance.training.job import FitJob
from hemabalance.training.loop import Schedule, Trainable, TrainingResult, train
from hemabalance.training.settings import WITHOUT_EFFECT


def describe(method: str, size: int, classes: Classes, settings: GeneratorSettings) -> dict[str, Any]:
    """The description in a generator's weights file: all arguments of `build`, as JSON values.

    Args:
        method: name of the method.
        size: side of the images in pixels.
        classes: trained and served classes, and those of the run.
        settings: settings of the method.
    """
    class_lists = {"trained": list(classes.trained), "served": list(classes.served), "run": list(classes.run)}
    return {"method": method, "size": size, "classes": class_lists, "settings": settings.plain}


def train_generator(
    training: Trainable, steps: int, settings: SynthesisTraining, description: dict[str, Any], images: str, job: FitJob
) -> TrainingResult:
    """Train from the start, or resume the training whose checkpoint is in `job.state`.

    Args:
        training: networks and optimizers.
        steps: number of training steps.
        settings: settings of the method.
        description: result of `describe`.
        images: fingerprint of the training images.
        job: runtime, folders and seed.

    Raises:
        InputError: the training diverged, the disk is full, or the checkpoint is of other data or settings.
    """
    effective = {key: value for key, value in description["settings"].items() if key not in WITHOUT_EFFECT}
    return train(
        training,
        Schedule(steps, settings.checkpoint_every, settings.log_every),
        state=job.state,
        history=job.history,
        description=description | {"settings": effective, "seed": job.seed, "images": images},
        runtime=job.runtime,
        what=f"training {description['method']}",
    )
