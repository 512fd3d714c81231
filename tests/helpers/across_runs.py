"""Predictions of a small experiment across laboratories: one source with labels, two others, four classes."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.classify.predictions import codes_of, predictions_table, write_predictions
from hemabalance.dataset.imageset import ImageSet, write_image_set
from hemabalance.dataset.splits import UNLABELLED_HALF, draws, write_split
from hemabalance.files import write_json
from hemabalance.report.across.runs import AcrossArms, AcrossPaths, AcrossRun, RowDescription

CLASSES = ("blast", "common_cell", "rare_cell", "seen_at_home_only")
COUNTS = {
    "home": {"blast": 20, "common_cell": 20, "rare_cell": 10, "seen_at_home_only": 10},
    "north": {"blast": 24, "common_cell": 36, "rare_cell": 6},
    "south": {"blast": 10, "common_cell": 4},
}
"""Images of each class that are predicted, by source; `home` has labels."""

ARMS = AcrossArms(
    source="home",
    baseline="plain",
    leading="posed",
    thesis="stained",
    descriptions={
        "plain": RowDescription("cnn", None, False, (1.0,), "training"),
        "posed": RowDescription("cnn", None, True, (0.8, 1.0), "training"),
        "stained": RowDescription("cnn", "w_cyclegan", False, (1.0,), "training"),
        "adapted": RowDescription("forest", None, False, (1.0,), "images"),
        "clean_average": RowDescription("", None, False, (1.0,), "training", ("plain", "posed")),
        "average": RowDescription("", None, False, (1.0,), "training", ("posed", "adapted")),
    },
)
SEEDS = {"plain": (1,), "posed": (3, 1, 2), "stained": (1, 2, 3), "adapted": (1, 2), "clean_average": (1,)}
SEEDS |= {"average": (1,)}
RIGHT = {"plain": 0.5, "posed": 0.85, "stained": 0.6, "adapted": 0.7, "clean_average": 0.8, "average": 0.8}
SIDE = 12


def image_rows(counts: Mapping[str, Mapping[str, int]] = COUNTS) -> pd.DataFrame:
    """`image_id, source, label` of all images, sorted by `image_id`."""
    rows = [
        (f"{source}/{label}/{number:03d}", source, label)
        for source, of in counts.items()
        for label, count in of.items()
        for number in range(count)
    ]
    table = pd.DataFrame(rows, columns=["image_id", "source", "label"], dtype="str")
    return table.sort_values("image_id", ignore_index=True)


def predicted(rows: pd.DataFrame, right: float, *, seed: int) -> pd.DataFrame:
    """Predictions that are right with this probability, and for images of `home` nearly always."""
    rng = np.random.default_rng(seed)
    chance = np.where(rows["source"] == "home", 0.97, right)
    shift = np.where(rng.random(len(rows)) < chance, 0, rng.integers(1, len(CLASSES), len(rows)))
    logits = 3.0 * np.eye(len(CLASSES))[(codes_of(rows["label"], CLASSES) + shift) % len(CLASSES)]
    return predictions_table(rows, logits, 1.0, classes=CLASSES)


def split_table(rows: pd.DataFrame) -> pd.DataFrame:
    """The split: images of `home` are of the test part, those of other sources of two halves; and training images."""
    training = image_rows({"home": dict.fromkeys(CLASSES, 2)})
    training["image_id"] = "home/training/" + training["image_id"].str.replace("/", "_")
    table = pd.concat([rows.assign(part="test"), training.assign(part="train")], ignore_index=True)
    table["draw"] = draws(table["image_id"], seed=5)
    table.loc[(table["source"] != "home") & (table["draw"] < 0.5), "part"] = UNLABELLED_HALF
    table["group_id"] = table["image_id"]
    columns = ["image_id", "source", "label", "group_id", "draw", "part"]
    return table.sort_values("image_id", ignore_index=True)[columns]


@dataclass(frozen=True)
class AcrossFiles:
    """The files of a small experiment.

    Attributes:
        runs: all rows with all seeds.
        split: the split.
        images: zip and index of the image set.
    """

    runs: list[AcrossRun]
    split: Path
    images: tuple[Path, Path]


def written_run(folder: Path, row: str, seed: int, table: pd.DataFrame) -> AcrossRun:
    """A run with these predictions, whose networks trained 10 s, 20 s, … on 100, 101, … images."""
    path = folder / f"{row}_{seed}.parquet"
    write_predictions(table, path)
    trainings = []
    for place in range(max(1, len(ARMS.descriptions[row].members))):
        trainings.append(folder / f"{row}_{seed}_{place}.json")
        write_json({"seconds": 10.0 * (place + 1) + seed, "images": 100 + place}, trainings[-1])
    return AcrossRun(row, seed, path, tuple(trainings))


def small_experiment(folder: Path) -> AcrossFiles:
    """All rows of `ARMS`, with the seeds `SEEDS` and the shares of right predictions `RIGHT`."""
    rows = image_rows()
    runs = [
        written_run(folder, row, seed, predicted(rows, RIGHT[row], seed=100 * place + seed))
        for place, row in enumerate(ARMS.descriptions)
        for seed in SEEDS[row]
    ]
    write_split(split_table(rows), folder / "split.parquet")
    images = np.random.default_rng(4).integers(0, 256, (len(rows), SIDE, SIDE, 3), dtype=np.uint8)
    paths = folder / "images.zip", folder / "images.parquet"
    write_image_set(*paths, rows.assign(origin="real", provenance="{}"), images, threads=1)
    return AcrossFiles(runs, folder / "split.parquet", paths)


def image_of(files: AcrossFiles, image_id: str) -> np.ndarray:
    """An image of the image set."""
    with ImageSet(*files.images) as images:
        return images.read(images.index["image_id"].tolist().index(image_id))


def paths_in(folder: Path) -> AcrossPaths:
    names = ("scores.csv", "differences.csv", "classes.csv", "confusion.svg", "mistakes.svg", "sentence.json")
    return AcrossPaths(*(folder / name for name in (*names, "page.html")))
