"""What the judges see in the real images: the same for every generator, so looked at once."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
import torch

from hemabalance.dataset.splits import draws, require_visible
from hemabalance.dataset.tables import read_table, write_table
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.synthesis.data import TEST_PARTS, part_rows, training_rows
from hemabalance.taxonomy import CLASSES
from hemabalance.training.tensorfile import read_tensors, write_tensors

Kind = Literal["training", "test"]

KINDS: tuple[Kind, ...] = ("training", "test")

FEATURES = "features"
_REMEDY = "Delete it and run the workflow again"

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "label": pa.Column(str, pa.Check.isin(CLASSES)),
        "kind": pa.Column(str, pa.Check.isin(KINDS)),
        "reference": pa.Column(bool),
        "lpips": pa.Column("float32", nullable=True),
        "bits": pa.Column("int64", pa.Check.in_range(-1, 64)),
    },
    strict=True,
    ordered=True,
)
"""What `real_images.parquet` holds: one row an image, in the order in which images of a class and kind are taken.

`reference`: generated images are compared with it. `lpips` and `bits`: how near the next other reference of its class
is (`copies.NearestImageIndex.nearest_others`); none and -1 where there is no other.
"""


@dataclass(frozen=True)
class NearestDistances:
    """How near each of n images comes to others.

    Attributes:
        lpips: float32 (n,), LPIPS distance to the nearest.
        bits: int64 (n,), least Hamming distance of the perceptual hashes.
    """

    lpips: np.ndarray
    bits: np.ndarray


@dataclass(frozen=True)
class RealImageFeatures:
    """The real images that were looked at.

    Attributes:
        table: see `SCHEMA`.
        features: their Inception features, float32 (n, 2048), in that order.
    """

    table: pd.DataFrame
    features: np.ndarray

    def references(self, label: str) -> np.ndarray:
        """Ids, str (m,), of the training images of a class that generated ones are compared with."""
        return self._ids(self._where(label, "training") & self.table["reference"].to_numpy())

    def distances(self) -> dict[str, NearestDistances | None]:
        """By class how near its references come to one another; None for a class of one."""
        rows = self.table[self.table["reference"]]
        found: dict[str, NearestDistances | None] = {}
        for label, mine in rows.groupby("label", sort=True):
            known = len(mine) > 1
            found[str(label)] = NearestDistances(mine["lpips"].to_numpy(), mine["bits"].to_numpy()) if known else None
        return found

    def seen(self, image_ids: Iterable[str]) -> np.ndarray:
        """Features, float32 (n, 2048), of images by id.

        Raises:
            InputError: one of them was not looked at.
        """
        requested = pd.Index(list(image_ids))
        places = pd.Index(self.table["image_id"]).get_indexer(requested)
        if (places < 0).any():
            problem = f"is not among the {len(self.table)} real images that were looked at"
            raise InputError(f"image {requested[int(places.argmin())]}", problem, "Run the workflow again")
        found: np.ndarray = self.features[places]
        return found

    def measured(self, label: str, kind: Kind, most: int) -> np.ndarray:
        """Features, float32 (n, 2048), of the first images of a class and kind."""
        found: np.ndarray = self.features[self._where(label, kind)][:most]
        return found

    def tested(self, label: str, most: int) -> np.ndarray:
        """Ids, str (n,), of the first test images of a class."""
        found: np.ndarray = self._ids(self._where(label, "test"))[:most]
        return found

    def _where(self, label: str, kind: Kind) -> np.ndarray:
        where: np.ndarray = ((self.table["label"] == label) & (self.table["kind"] == kind)).to_numpy()
        return where

    def _ids(self, where: np.ndarray) -> np.ndarray:
        ids: np.ndarray = self.table.loc[where, "image_id"].to_numpy(dtype=str)
        return ids


def select_real_images(
    split: pd.DataFrame, protocol: Protocol, *, references: int, measured: int, seed: int
) -> pd.DataFrame:
    """Which images to look at: `image_id, label, kind, reference`, those of the smallest hash of seed and id first.

    Args:
        split: of the protocol.
        protocol: decides which are training and which are test images; there are none of the latter under `thesis`.
        references: training images of a class to compare generated ones with, at most.
        measured: training and test images of a class to measure on, at most each.
        seed: of the draw.

    Raises:
        InputError: split and protocol are not of one run.
    """
    most = {"training": max(references, measured), "test": measured}
    rows = {
        "training": training_rows(split, protocol, CLASSES),
        "test": part_rows(split, TEST_PARTS[protocol], CLASSES),
    }
    require_visible(split, rows["training"]["image_id"], protocol)
    tables = []
    for kind in KINDS:
        mine = rows[kind].assign(kind=pd.array([kind] * len(rows[kind]), dtype="str"), hash=0.0)
        mine["hash"] = draws(mine["image_id"], seed=seed)
        mine = mine.sort_values(["label", "hash", "image_id"], ignore_index=True)
        place = mine.groupby("label").cumcount()
        mine["reference"] = (place < references) & (kind == "training")
        tables.append(mine.loc[place < most[kind], ["image_id", "label", "kind", "reference"]])
    return pd.concat(tables, ignore_index=True)


def write_real_image_features(reals: RealImageFeatures, table: Path, features: Path) -> None:
    """Write them."""
    write_table(SCHEMA.validate(reals.table), table)
    write_features(reals.features, features)


def read_real_image_features(table: Path, features: Path) -> RealImageFeatures:
    """What `write_real_image_features` wrote.

    Raises:
        InputError: a file is missing, damaged, or not of the other.
    """
    rows, seen = read_table(table, SCHEMA), read_features(features)
    if len(rows) != len(seen):
        raise InputError(features, f"has features of {len(seen)} images, {table.name} of {len(rows)}", _REMEDY)
    return RealImageFeatures(rows, seen)


def write_features(features: np.ndarray, path: Path) -> None:
    """Write Inception features, float32 (n, 2048)."""
    write_tensors(path, {FEATURES: torch.from_numpy(features)}, FEATURES, {})


def read_features(path: Path) -> np.ndarray:
    """What `write_features` wrote.

    Raises:
        InputError: the file is missing, damaged or another one.
    """
    return read_tensors(path, FEATURES, _REMEDY)[1][FEATURES].numpy()
