"""Train one generator and write its files."""

import logging
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.dataset.splits import require_visible
from hemabalance.files import write_json
from hemabalance.protocols import rules_of
from hemabalance.synthesis.data import MONITORED_PARTS, RealImageSource, part_rows
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import GeneratorConfig
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.teacher import TeacherGenerator, no_images
from hemabalance.training.classifier import Classifier
from hemabalance.training.job import FitJob

log = logging.getLogger(__name__)


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


@dataclass(frozen=True)
class OtherNetworks:
    """Trained networks of other jobs that the training of a generator uses.

    Attributes:
        teacher: the teacher of the generator; None without one.
        teacher_images: number of images of each rich class that the teacher generates.
        judge: classifier trained on real training images only; None if the method does not ask it.
    """

    teacher: TeacherGenerator | None = None
    teacher_images: int = 0
    judge: Classifier | None = None


def fit_generator(
    name: str,
    config: GeneratorConfig,
    roles: RolesConfig,
    source: RealImageSource,
    others: OtherNetworks,
    job: FitJob,
    paths: GeneratorPaths,
) -> None:
    """Train a generator on the images that the protocol lets training see.

    Args:
        name: name of the generator in the config, for the log and the snapshots.
        config: method, settings and role of the generator.
        roles: rules that make a class rich or rare.
        source: the real images.
        others: teacher and judge, if the generator has them.
        job: runtime, folders and seed; the history is written to `job.history`.
        paths: files to write.

    Raises:
        InputError: the data are unsuitable, the training diverged, or the disk is full.
    """
    classes = config.classes(source.split, source.protocol, roles)
    data = synthesis_data(source, classes, config, others, seed=job.seed)
    generator = config.build(classes, job.runtime)
    result = generator.fit(data, job)
    log.info("%s: %d steps in %.0f s; parameters: %s", name, result.steps, result.seconds, dict(generator.parameters))
    if job.runtime.rank == 0:
        generator.save(paths.weights)
        image_ids = [rows["image_id"] for rows in _rows(source, classes)]
        write_seen_images(source.split, source.protocol, pd.concat(image_ids), paths.seen)
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


def synthesis_data(
    source: RealImageSource, classes: Classes, config: GeneratorConfig, others: OtherNetworks, *, seed: int
) -> SynthesisData:
    """Data that a generator may be fitted on under the protocol of the source.

    Args:
        source: the real images.
        classes: classes of the generator.
        config: method and size of the generator.
        others: teacher and judge, if the generator has them.
        seed: of the teacher's latents.

    Raises:
        InputError: as `RealImageSource.read_training_images`, or the teacher generates images of another size.
    """
    training, monitored = _rows(source, classes)
    require_visible(source.split, training["image_id"], source.protocol)
    size, teacher = config.size, others.teacher
    teacher_images = no_images(size)
    if teacher is not None and config.spec.traits.starts_from_teacher:
        teacher.require_size(size)
    elif teacher is not None:
        teacher_images = teacher.images(classes, size, others.teacher_images, seed=seed)
    generator = teacher.generator if teacher else None
    return SynthesisData(
        source.read(training, size), source.read(monitored, size), teacher_images, generator, others.judge
    )


def _rows(source: RealImageSource, classes: Classes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of the split that a generator is trained on, and rows that it is monitored on."""
    labels = set(classes.trained) | set(classes.served)
    return source.training_rows(labels), part_rows(source.split, MONITORED_PARTS[rules_of(source.protocol)], labels)
