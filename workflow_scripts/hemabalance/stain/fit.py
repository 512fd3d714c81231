"""Fit one normaliser, or open a fitted one."""

import logging
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.seen_images import write_seen_images
from hemabalance.files import write_json
from hemabalance.protocols import Protocol
from hemabalance.stain.data import DomainImageSets, size_of, training_data, training_ids
from hemabalance.stain.method import NormalizerSpec
from hemabalance.stain.normalizer import Normalizer
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob

log = logging.getLogger(__name__)


def fit_normalizer(
    spec: NormalizerSpec,
    sets: DomainImageSets,
    split: pd.DataFrame,
    protocol: Protocol,
    pairs: tuple[np.ndarray, np.ndarray] | None,
    job: FitJob,
    *,
    weights: Path,
    training: Path,
    seen: Path,
) -> None:
    """Fit a method on the images that the protocol lets training see, and write what came of it.

    Args:
        spec: the method and its settings.
        sets: the prepared images of both sources.
        split: of the protocol.
        protocol: decides what is visible.
        pairs: rendered cells in look a and look b; None where the method does not need them.
        job: where and how; its history is written too.
        weights: safetensors to write.
        training: JSON to write: `steps, seconds` (over all sessions)`, parameters, device, precision, images` (of each
            domain).
        seen: Parquet to write (`dataset.seen`): the real images that the method was given, also where it fits on a
            sample of them; none of a method that has nothing to fit, or that learns from rendered cells.

    Raises:
        InputError: the data cannot serve, the device is missing, the training diverged, or the disk is full.
    """
    data = training_data(sets, split, protocol, pairs, threads=job.threads)
    normalizer = spec.build(size=size_of(sets), runtime=job.runtime)
    trained = normalizer.fit(data, job)
    log.info(
        "%s: %d steps in %.0f s, %d parameters", spec.method, trained.steps, trained.seconds, normalizer.parameters
    )
    if job.runtime.rank == 0:
        normalizer.save(weights)
        paired = spec.traits.paired
        given = training_ids(sets, split, protocol) if normalizer.parameters and not paired else ()
        write_seen_images(split, given, seen)
        images = {"a": len(data.a.pixels), "b": len(data.b.pixels)}
        if paired and pairs is not None:
            images = {"pairs": len(pairs[0])}
        write_json({"parameters": normalizer.parameters, "images": images} | job.summary(trained), training)


def open_normalizer(spec: NormalizerSpec, weights: Path, *, size: int, runtime: Runtime) -> Normalizer:
    """A fitted normaliser.

    Raises:
        InputError: the weights are missing, truncated, foreign, or of another method, setting or size.
    """
    normalizer = spec.build(size=size, runtime=runtime)
    normalizer.load(weights)
    return normalizer
