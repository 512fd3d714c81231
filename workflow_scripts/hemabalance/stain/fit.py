"""Fit one normaliser, or load a fitted one."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.files import write_json
from hemabalance.protocols import Protocol
from hemabalance.stain.data import PairImages, size_of, training_data, training_ids
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import Normalizer, Teacher
from hemabalance.stain.teacher_difference import difference_to_teacher
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class NormalizerFitInputs:
    """The images that a normaliser can be fitted on.

    Attributes:
        images: the prepared images of the pair.
        split: of the protocol, one row per image.
        protocol: determines the images that training may use.
        rendered: the same rendered cells in stain a and in stain b, RGB uint8 (n, size, size, 3) each; None if the
            method does not need them.
        teacher: a normaliser fitted on the same pair; None if the method needs none.
    """

    images: PairImages
    split: pd.DataFrame
    protocol: Protocol
    rendered: tuple[np.ndarray, np.ndarray] | None
    teacher: Teacher | None = None


@dataclass(frozen=True)
class NormalizerFitOutputs:
    """The files that `fit_normalizer` writes, besides the history of its job.

    Attributes:
        weights: safetensors.
        training: JSON: `steps, seconds` (over all sessions)`, parameters, device, precision, images` (of each domain,
            or `pairs`)`, delta_e_to_teacher` (`teacher_difference`, if there is a teacher).
        seen: Parquet (`dataset.seen_images`): the real images that the method could use, also if it fits on a sample
            of them; empty if the method has no parameters or learns from rendered cells. What was learned from a
            teacher is covered: a teacher's own images are a subset of these.
    """

    weights: Path
    training: Path
    seen: Path


def fit_normalizer(
    spec: NormalizerSpec, inputs: NormalizerFitInputs, job: FitJob, outputs: NormalizerFitOutputs
) -> None:
    """Fit a method on the images that the protocol allows for training, and write the outputs.

    Args:
        spec: the method and its settings.
        inputs: the images.
        job: runtime, seed and state folder; its history is written too.
        outputs: the files to write.

    Raises:
        InputError: the data is not usable, the device is missing, the training diverged, or the disk is full.
    """
    data = training_data(inputs.images, inputs.split, inputs.protocol, inputs.rendered, threads=job.threads)
    data = replace(data, teacher=inputs.teacher)
    normalizer = spec.build(size=size_of(inputs.images.sets), runtime=job.runtime)
    result = normalizer.fit(data, job)
    log.info("%s: %d steps in %.0f s, %d parameters", spec.method, result.steps, result.seconds, normalizer.parameters)
    if job.runtime.rank == 0:
        normalizer.save(outputs.weights)
        paired = spec.traits.paired
        uses_real_images = normalizer.parameters and not paired
        image_ids = training_ids(inputs.images, inputs.split, inputs.protocol) if uses_real_images else ()
        write_seen_images(inputs.split, inputs.protocol, image_ids, outputs.seen)
        images = {"a": len(data.a.pixels), "b": len(data.b.pixels)}
        if paired and inputs.rendered is not None:
            images = {"pairs": len(inputs.rendered[0])}
        summary = {"parameters": normalizer.parameters, "images": images} | job.summary(result)
        if inputs.teacher is not None:
            summary["delta_e_to_teacher"] = difference_to_teacher(
                normalizer, inputs.teacher, inputs.images, inputs.split, inputs.protocol, threads=job.threads
            )
        write_json(summary, outputs.training)


def open_normalizer(spec: NormalizerSpec, weights: Path, *, size: int, runtime: Runtime) -> Normalizer:
    """Load a fitted normaliser.

    Raises:
        InputError: the weights are missing, truncated, no weights of hemabalance, or of another method, setting or
            size.
    """
    normalizer = spec.build(size=size, runtime=runtime)
    normalizer.load(weights)
    return normalizer
