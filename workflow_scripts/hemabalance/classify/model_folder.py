"""The files that make a trained and evaluated model usable without the workflow: `model.json` and `card.md`."""

from collections.abc import Mapping
from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.card import write_card
from hemabalance.classify.model_file import MODEL, Frame, Stain, TrainingOrigin, write_model_file
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import SourceEntry

CARD = "card.md"


def write_model_folder(
    folder: Path,
    origin: TrainingOrigin,
    frame: Frame,
    limits: Limits,
    stain: Stain | None,
    sources: Mapping[str, SourceEntry],
    balanced: Path,
    *,
    rendered: bool,
) -> None:
    """Write `model.json` and `card.md` into the folder of a model.

    Args:
        folder: folder of the model; it must hold `weights.safetensors`, `out_of_distribution.safetensors`,
            `training.json`, `calibration.json` and `metrics.json`.
        origin, frame, limits, stain, sources, rendered: see `model_file.write_model_file`.
        balanced: table of the balanced set that the model was trained on.

    Raises:
        InputError: the weights or the balanced set are missing or damaged, or the disk is full.
    """
    rows = read_balanced(balanced)
    write_model_file(
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
