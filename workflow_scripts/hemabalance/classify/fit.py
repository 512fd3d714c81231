"""Training of one model on one balanced set."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import REAL, read_images
from hemabalance.classify.method import ModelSpec
from hemabalance.classify.model import ModelData
from hemabalance.dataset.imageset import ImageSet
from hemabalance.files import write_json
from hemabalance.training.job import FitJob, Images


@dataclass(frozen=True)
class ModelConfig:
    """A model of the config.

    Attributes:
        model: method and settings.
        size: side of its input images, in pixels.
        classes: its classes, in alphabetical order; a class may have no image.
    """

    model: ModelSpec
    size: int
    classes: tuple[str, ...]


def read_part(
    rows: pd.DataFrame, part: str, sets: Mapping[str, ImageSet], size: int, *, threads: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of one part of a balanced set, and their images RGB uint8 (n, size, size, 3); errors as `read_images`."""
    part_rows = rows[rows["part"] == part].reset_index(drop=True)
    return part_rows, read_images(part_rows, sets, size, threads=threads)


def read_labelled(rows: pd.DataFrame, part: str, sets: Mapping[str, ImageSet], size: int, *, threads: int) -> Images:
    """`read_part` as labelled images for training."""
    part_rows, pixels = read_part(rows, part, sets, size, threads=threads)
    return Images(pixels, part_rows["label"].to_numpy(dtype=str))


def fit_model(
    model_config: ModelConfig,
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    job: FitJob,
    *,
    weights: Path,
    training: Path,
) -> None:
    """Train a model on the training images of a balanced set; validation images choose the best weights.

    Args:
        model_config: the model.
        rows: the balanced set.
        sets: its image sets by name.
        job: runtime, folders and seed; its history file is written too.
        weights: safetensors to write.
        training: JSON to write: `method, parameters, images, synthetic` (how many of the images)`, drawn` (all
            generated images, accepted or not)`, validation` (validation images)`, learned_from` (digest, equal for
            trainings on the same images)`, steps, seconds, device, precision`.

    Raises:
        InputError: the model cannot be built or cannot learn from these images, the training diverged, or the disk is
            full.
    """
    model = model_config.model.build(classes=model_config.classes, size=model_config.size, runtime=job.runtime)
    synthetic = (rows.loc[rows["part"] == "train", "origin"] == "synthetic").to_numpy(dtype=bool)
    train, validation = (
        read_labelled(rows, part, sets, model_config.size, threads=job.threads) for part in ("train", "validation")
    )
    data = ModelData(train, validation, synthetic)
    result = model.fit(data, job)
    if job.runtime.rank == 0:
        model.save(weights)
        summary = {
            "method": model_config.model.method,
            "parameters": model.parameters,
            "images": len(data.train.pixels),
            "synthetic": int(synthetic.sum()),
            "drawn": sum(len(image_set) for name, image_set in sets.items() if name != REAL),
            "validation": len(data.validation.pixels),
            "learned_from": _digest(rows, model_config.size),
        }
        write_json(summary | job.summary(result), training)


def _digest(rows: pd.DataFrame, size: int) -> str:
    """sha256 of the size and of id, part, label and file hash of all training and validation images."""
    learned = rows.loc[rows["part"] != "test", ["image_id", "part", "label", "sha256"]]
    return hashlib.sha256(f"{size}\n{learned.to_csv(index=False)}".encode()).hexdigest()
