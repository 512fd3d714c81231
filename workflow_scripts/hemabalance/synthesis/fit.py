"""Train one generator and write what came of it."""

import logging
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.dataset.splits import require_visible
from hemabalance.errors import InputError
from hemabalance.files import write_json
from hemabalance.protocols import Protocol
from hemabalance.synthesis.data import MONITORED_PARTS, part_rows, real_images, training_rows
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.generator_config import GeneratorConfig, open_by_description
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob, Images

log = logging.getLogger(__name__)

TeacherImages = Callable[[Classes, int], Images]
"""The trained classes of a generator and its size -> images of them that another generator makes."""


def no_teacher(classes: Classes, size: int) -> Images:
    """No images: what a generator without a teacher learns from besides real ones."""
    return Images(np.empty((0, size, size, 3), np.uint8), np.empty(0, "<U1"))


def teacher_images_of(weights: Path, each: int, *, seed: int, runtime: Runtime) -> TeacherImages:
    """Images that a trained generator makes, `each` of a class.

    Args:
        weights: of the teacher.
        each: images a class that teacher and student share.
        seed: of the latents.
        runtime: where it runs.
    """

    def images(classes: Classes, size: int) -> Images:
        teacher = open_by_description(weights, runtime)
        if teacher.size != size:
            problem = f"makes images of {teacher.size} px, but its student takes {size} px"
            raise InputError(weights, problem, "Train both at one synthesis.size")
        labels = [label for label in classes.trained if label in teacher.classes.served]
        made = [sample(teacher, label, range(each), seed=seed, device=runtime.device) for label in labels]
        nothing = no_teacher(classes, size)
        return Images(np.concatenate([nothing.pixels, *made]), np.repeat(np.array(labels, dtype=str), each))

    return images


def fit_generator(
    name: str,
    generator_config: GeneratorConfig,
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    roles: RolesConfig,
    teacher_images: TeacherImages,
    job: FitJob,
    *,
    weights: Path,
    training: Path,
    seen: Path,
    snapshots: tuple[Path, Path],
) -> None:
    """Train a generator on the images that the protocol lets training see.

    Args:
        name: of the generator in config.
        generator_config: what it is.
        held: the normalised images of both sources.
        split: of the protocol.
        protocol: decides what is visible.
        roles: which class is rich or rare.
        teacher_images: what it learns from besides real images.
        job: where and how; its history is written too.
        weights: safetensors to write.
        training: JSON to write: `method, classes, parameters` (by network)`, images` (real ones learned from)`, taught,
            steps, seconds, device, precision`.
        seen: Parquet to write (`dataset.seen`): the real images that it learned from or was watched on. What a teacher
            saw is in the teacher's own.
        snapshots: image set to write, zip and index: images made along the training.

    Raises:
        InputError: the data cannot serve, the training diverged, or the disk is full.
    """
    classes = generator_config.classes(split, roles)
    data = synthesis_data(
        held,
        split,
        protocol,
        classes,
        teacher_images(classes, generator_config.size),
        generator_config.size,
        threads=job.threads,
    )
    generator = generator_config.build(classes, job.runtime)
    trained = generator.fit(data, job)
    log.info("%s: %d steps in %.0f s; parameters: %s", name, trained.steps, trained.seconds, dict(generator.parameters))
    if job.runtime.rank == 0:
        generator.save(weights)
        given = [rows["image_id"] for rows in _rows(split, protocol, classes)]
        write_seen_images(split, pd.concat(given), seen)
        if generator.snapshots is None:
            raise RuntimeError(f"{generator_config.spec.method} was trained and has no snapshots")
        generator.snapshots.write(*snapshots, generator=name, threads=job.threads)
        summary = {
            "method": generator_config.spec.method,
            "classes": {"trained": list(classes.trained), "served": list(classes.served)},
            "parameters": dict(generator.parameters),
            "images": len(data.real.pixels),
            "taught": len(data.taught.pixels),
        }
        write_json(summary | job.summary(trained), training)


def synthesis_data(
    held: ImageSet,
    split: pd.DataFrame,
    protocol: Protocol,
    classes: Classes,
    taught: Images,
    size: int,
    *,
    threads: int,
) -> SynthesisData:
    """What a generator may be fitted on under a protocol.

    Args:
        held: the normalised images of both sources.
        split: of the protocol.
        protocol: decides what is visible.
        classes: of the generator.
        taught: images of the trained classes that another generator made; may be none.
        size: of the generator.
        threads: decoders at once.
    """
    learned, watched = _rows(split, protocol, classes)
    require_visible(split, learned["image_id"], protocol)
    return SynthesisData(
        real_images(held, learned, size, threads=threads), real_images(held, watched, size, threads=threads), taught
    )


def _rows(split: pd.DataFrame, protocol: Protocol, classes: Classes) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows of the split that a generator learns from, and those that it is watched on."""
    requested = set(classes.trained) | set(classes.served)
    return training_rows(split, protocol, requested), part_rows(split, MONITORED_PARTS[protocol], requested)
