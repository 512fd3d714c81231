"""What a trained and measured model's folder gets so that the model can be used without the workflow."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.bundle import LOOK, MODEL, WEIGHTS, Frame, Origin, Stain, write_bundle
from hemabalance.classify.card import write_card
from hemabalance.classify.entry import open_by_description
from hemabalance.classify.fit import part_of
from hemabalance.classify.unlike import fit_look
from hemabalance.dataset.balance import read_balanced
from hemabalance.dataset.imageset import ImageSet
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.training.device import Runtime

CARD = "card.md"


def pack(
    folder: Path,
    origin: Origin,
    frame: Frame,
    limits: Limits,
    stain: Stain | None,
    sources: Mapping[str, SourceEntry],
    balanced: Path,
    sets: Mapping[str, ImageSet],
    runtime: Runtime,
    *,
    rendered: bool,
    quantile: float,
    threads: int,
) -> None:
    """Write `unlike.safetensors`, `model.json` and `card.md` into the folder of a model.

    Args:
        folder: holds `weights.safetensors`, `training.json`, `calibration.json` and `metrics.json`.
        origin, frame, limits, stain, sources, rendered: see `bundle.write_bundle`.
        balanced: the table of the balanced set that it was trained on.
        sets: its image sets by name.
        runtime: where the model runs.
        quantile: see `unlike.fit_look`.
        threads: decoders at once.

    Raises:
        InputError: a file is missing, damaged or another one, or there are too few real training images.
    """
    rows = read_balanced(balanced)
    _write_look(folder, rows, sets, runtime, quantile=quantile, threads=threads)
    write_bundle(
        folder / MODEL,
        origin,
        frame,
        limits,
        stain,
        sources,
        rows,
        rendered=rendered,
        balanced=balanced,
        calibration=folder / "calibration.json",
        metrics=folder / "metrics.json",
    )
    write_card(
        folder / CARD,
        model=folder / MODEL,
        metrics=folder / "metrics.json",
        training=folder / "training.json",
        rows=rows,
    )


def _write_look(
    folder: Path,
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    runtime: Runtime,
    *,
    quantile: float,
    threads: int,
) -> None:
    """Describe the real training images, with a threshold from the real validation images."""
    model = open_by_description(folder / WEIGHTS, runtime)
    real = rows[rows["origin"] == "real"]
    learned, pixels = part_of(real, "train", sets, model.size, threads=threads)
    _, held = part_of(real, "validation", sets, model.size, threads=threads)
    nothing = np.empty((0, len(model.classes)), np.float32)
    fit_look(
        pixels,
        model.logits(pixels),
        learned["source"].to_numpy(dtype=str),
        held,
        model.logits(held) if len(held) else nothing,
        quantile=quantile,
    ).save(folder / LOOK)
