"""The files that make a trained and evaluated model usable without the workflow: `model.json` and `README.md`."""

from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.card import write_card
from hemabalance.classify.model_file import MODEL, Deployment, write_model_file

CARD = "README.md"


def write_model_folder(folder: Path, deployment: Deployment, *, balanced: Path) -> None:
    """Write `model.json` and `README.md` into the folder of a model.

    Args:
        folder: folder of the model; it must hold `weights.safetensors`, `out_of_distribution.safetensors`,
            `training.json`, `calibration.json` and `metrics.json`.
        deployment: origin, preparation of images and data behind the model.
        balanced: table of the balanced set that the model was trained on.

    Raises:
        InputError: the weights or the balanced set are missing or damaged, or the disk is full.
    """
    model, metrics, rows = folder / MODEL, folder / "metrics.json", read_balanced(balanced)
    write_model_file(
        model, deployment, rows, balanced=balanced, calibration=folder / "calibration.json", metrics=metrics
    )
    write_card(folder / CARD, model=model, metrics=metrics, training=folder / "training.json", rows=rows)
