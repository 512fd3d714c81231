"""Train one generator and write its files."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.dataset.splits import require_visible
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.synthesis.data import MONITORED_PARTS, RealImageSource, part_rows
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import GeneratorConfig, open_by_description
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob, Images

log = logging.getLogger(__name__)

TeacherSampler = Callable[[Classes, int], Images]
"""Classes and size of a student -> images of its trained classes, sampled by another generator."""


@dataclass(frozen=True)
class GeneratorPaths:
    """Files to write.

    Attributes:
        weights: safetensors.
        training: JSON: `method, classes, parameters` (by network)`, images` (number of real training images)`, taught`
            (number of teacher images)`, steps, seconds, device, precision`.
        seen: Parquet (`dataset.seen_images`): real images used for training or monitoring, without those that the
            teacher was trained on, which are in the teacher's own file.
        snapshots, snapshot_index: image set, ZIP and Parquet, of images generated during training.
    """

    weights: Path
    training: Path
    seen: Path
    snapshots: Path
    snapshot_index: Path


def no_teacher(classes: Classes, size: int) -> Images:
    """The `TeacherSampler` of a generator without a teacher: no images."""
    return Images(np.empty((0, size, size, 3), np.uint8), np.empty(0, "<U1"))


def teacher_sampler(
    weights: str | Path | None, images_per_class: int, *, seed: int, runtime: Runtime
) -> TeacherSampler:
    """Sampler of a trained generator, `no_teacher` without weights.

    Args:
        weights: weights file of the teacher, or None.
        images_per_class: number of images of each class that teacher and student share.
        seed: seed of the latents.
        runtime: device of the teacher.
    """
    if weights is None:
        return no_teacher
    path = Path(weights)

    def sample_images(classes: Classes, size: int) -> Images:
        teacher = open_by_description(path, runtime)
        if teacher.size != size:
            problem = f"generates images of {teacher.size} px, but the student needs {size} px"
            raise InputError(path, problem, "Train both at one synthesis.size")
        labels = [label for label in classes.trained if label in teacher.classes.served]
        pixels = [sample(teacher, label, range(images_per_class), seed=seed, device=runtime.device) for label in labels]
        empty = no_teacher(classes, size)
        return Images(np.concatenate([empty.pixels, *pixels]), np.repeat(np.array(labels, dtype=str), images_per_class))

    return sample_images


def fit_generator(
    name: str,
    config: GeneratorConfig,
    roles: RolesConfig,
    source: RealImageSource,
    sample_teacher: TeacherSampler,
    job: FitJob,
    paths: GeneratorPaths,
) -> None:
    """Train a generator on the images that the protocol lets training see.

    Args:
        name: name of the generator in the config, for the log and the snapshots.
        config: method, settings and role of the generator.
        roles: rules that make a class rich or rare.
        source: the real images.
        sample_teacher: training images besides the real ones.
        job: runtime, folders and seed; the history is written to `job.history`.
        paths: files to write.

    Raises:
        InputError: the data are unsuitable, the training diverged, or the disk is full.
    """
    classes = config.classes(source.split, source.protocol, roles)
    data = synthesis_data(source, classes, sample_teacher(classes, config.size), config.size)
    generator = config.build(classes, job.runtime)
    result = generator.fit(data, job)
    log.info("%s: %d steps in %.0f s; parameters: %s", name, result.steps, result.seconds, dict(generator.parameters))
    if job.runtime.rank == 0:
        generator.save(paths.weights)
        image_ids = [rows["image_id"] for rows in _rows(source, classes)]
        write_seen_images(source.split, pd.concat(image_ids), paths.seen)
        if generator.snapshots is None:
            raise RuntimeError(f"{config.spec.method} was trained and has no snapshots")
        generator.snapshots.write(paths.snapshots, paths.snapshot_index, generator=name, threads=job.threads)
        summary = {
            "method": config.spec.method,
            "classes": {"trained": list(classes.trained), "served": list(classes.served)},
            "parameters": dict(generator.parameters),
            "images": len(data.real.pixels),
            "taught": len(data.teacher_images.pixels),
        }
        write_json(summary | job.summary(result), paths.training)


def synthesis_data(source: RealImageSource, classes: Classes, teacher_images: Images, size: int) -> SynthesisData:
    """Images that a generator may be fitted on under the protocol of the source.

    Args:
        source: the real images.
        classes: classes of the generator.
        teacher_images: images of the trained classes that another generator sampled; may be empty.
        size: side of the generator's images in pixels.

    Raises:
        InputError: as `RealImageSource.read_training_images`.
    """
    training, monitored = _rows(source, classes)
    require_visible(source.split, training["image_id"], source.protocol)
    return SynthesisData(source.read(training, size), source.read(monitored, size), teacher_images)


def _rows(source: RealImageSource, classes: Classes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the split that a generator is trained on, and rows that it is monitored on."""
    labels = set(classes.trained) | set(classes.served)
    return source.training_rows(labels), part_rows(source.split, MONITORED_PARTS[source.protocol], labels)
