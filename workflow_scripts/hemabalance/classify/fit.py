"""Train one model on one balanced set and write what came of it."""

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
from hemabalance.taxonomy import CLASSES
from hemabalance.training.job import FitJob, Images


@dataclass(frozen=True)
class ModelConfig:
    """A model in config.

    Attributes:
        model: its method and settings.
        size: side of the images it takes, in pixels.
    """

    model: ModelSpec
    size: int


def part_of(
    rows: pd.DataFrame, part: str, sets: Mapping[str, ImageSet], size: int, *, threads: int
) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows of a part of a balanced set, and their images RGB uint8 (n, size, size, 3); errors as `read_images`."""
    mine = rows[rows["part"] == part].reset_index(drop=True)
    return mine, read_images(mine, sets, size, threads=threads)


def images_of(rows: pd.DataFrame, part: str, sets: Mapping[str, ImageSet], size: int, *, threads: int) -> Images:
    """The same as training takes it."""
    mine, pixels = part_of(rows, part, sets, size, threads=threads)
    return Images(pixels, mine["label"].to_numpy(dtype=str))


def fit_model(
    model_config: ModelConfig,
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    job: FitJob,
    *,
    weights: Path,
    training: Path,
) -> None:
    """Train a model on the training images of a balanced set, watched on its validation images.

    Args:
        model_config: the model.
        rows: the balanced set.
        sets: its image sets by name.
        job: where and how; its history is written too.
        weights: safetensors to write.
        training: JSON to write: `method, parameters, images, synthetic` (of them)`, drawn` (synthetic ones that there
            were to take from)`, validation, learned_from` (equal for two trainings that were given the same images)`,
            steps, seconds, device, precision`.

    Raises:
        InputError: the model cannot be built or cannot learn from these images, the training diverged, or the disk is
            full.
    """
    model = model_config.model.build(classes=CLASSES, size=model_config.size, runtime=job.runtime)
    data = ModelData(
        *(images_of(rows, part, sets, model_config.size, threads=job.threads) for part in ("train", "validation"))
    )
    trained = model.fit(data, job)
    if job.runtime.rank == 0:
        model.save(weights)
        summary = {
            "method": model_config.model.method,
            "parameters": model.parameters,
            "images": len(data.train.pixels),
            "synthetic": int((rows.loc[rows["part"] == "train", "origin"] == "synthetic").sum()),
            "drawn": sum(len(held) for name, held in sets.items() if name != REAL),
            "validation": len(data.validation.pixels),
            "learned_from": _digest(rows, model_config.size),
        }
        write_json(summary | job.summary(trained), training)


def _digest(rows: pd.DataFrame, size: int) -> str:
    given = rows.loc[rows["part"] != "test", ["image_id", "part", "label", "sha256"]]
    return hashlib.sha256(f"{size}\n{given.to_csv(index=False)}".encode()).hexdigest()
