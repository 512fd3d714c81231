"""Features of the real images, computed once for all generators."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa
import torch

from hemabalance.classes import UNLABELLED
from hemabalance.dataset.splits import draws, require_visible
from hemabalance.dataset.tables import read_table, write_table
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol, rules_of
from hemabalance.synthesis.data import TEST_PARTS, part_rows, training_rows
from hemabalance.training.tensorfile import read_tensors, write_tensors

Kind = Literal["training", "test"]

KINDS: tuple[Kind, ...] = ("training", "test")

FEATURES = "features"
_REMEDY = "Delete it and run the workflow again"

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "label": pa.Column(str, pa.Check.notin(["", UNLABELLED])),
        "kind": pa.Column(str, pa.Check.isin(KINDS)),
        "reference": pa.Column(bool),
        "lpips": pa.Column("float32", nullable=True),
        "bits": pa.Column("int64", pa.Check.in_range(-1, 64)),
    },
    strict=True,
    ordered=True,
)
"""Columns of `real_images.parquet`: one row per image, in the order of selection within class and kind.

`reference`: generated images are compared with the image. `lpips` and `bits`: distance to the nearest other reference
of the class (`copies.NearestImageIndex.nearest_others`); NaN and -1 if there is no other.
"""


@dataclass(frozen=True)
class NearestDistances:
    """Distances of n images to their nearest image in a set.

    Attributes:
        lpips: float32 (n,), smallest LPIPS distance.
        bits: int64 (n,), smallest Hamming distance of the perceptual hashes.
    """

    lpips: np.ndarray
    bits: np.ndarray


@dataclass(frozen=True)
class RealImageFeatures:
    """Real images with their features.

    Attributes:
        table: see `SCHEMA`.
        features: Inception features of the rows, float32 (n, 2048).
    """

    table: pd.DataFrame
    features: np.ndarray

    def reference_ids(self, label: str) -> np.ndarray:
        """Ids, str (m,), of the training images of a class that generated images are compared with."""
        return self._ids(self._where(label, "training") & self.table["reference"].to_numpy())

    def distances(self) -> dict[str, NearestDistances | None]:
        """Class -> distances between its references; None for a class with one reference."""
        rows = self.table[self.table["reference"]]
        distances: dict[str, NearestDistances | None] = {}
        for label, group in rows.groupby("label", sort=True):
            nearest = NearestDistances(group["lpips"].to_numpy(), group["bits"].to_numpy())
            distances[str(label)] = nearest if len(group) > 1 else None
        return distances

    def features_of(self, image_ids: Iterable[str]) -> np.ndarray:
        """Features, float32 (n, 2048), of images by id.

        Raises:
            InputError: the table has no row of an image.
        """
        requested = pd.Index(list(image_ids))
        places = pd.Index(self.table["image_id"]).get_indexer(requested)
        if (places < 0).any():
            problem = f"is not among the {len(self.table)} real images with features"
            raise InputError(f"image {requested[int(places.argmin())]}", problem, "Run the workflow again")
        features: np.ndarray = self.features[places]
        return features

    def class_features(self, label: str, kind: Kind, max_images: int) -> np.ndarray:
        """Features, float32 (n, 2048), of the first `max_images` images of a class and kind."""
        features: np.ndarray = self.features[self._where(label, kind)][:max_images]
        return features

    def test_ids(self, label: str, max_images: int) -> np.ndarray:
        """Ids, str (n,), of the first `max_images` test images of a class."""
        ids: np.ndarray = self._ids(self._where(label, "test"))[:max_images]
        return ids

    def _where(self, label: str, kind: Kind) -> np.ndarray:
        where: np.ndarray = ((self.table["label"] == label) & (self.table["kind"] == kind)).to_numpy()
        return where

    def _ids(self, where: np.ndarray) -> np.ndarray:
        ids: np.ndarray = self.table.loc[where, "image_id"].to_numpy(dtype=str)
        return ids


def select_real_images(
    split: pd.DataFrame, protocol: Protocol, classes: Iterable[str], *, references: int, measured: int, seed: int
) -> pd.DataFrame:
    """Select the real images for evaluation and gate, pseudo-randomly by a hash of seed and image id.

    Args:
        split: split table of the protocol.
        protocol: decides which images are training and test images; `thesis` has no test images.
        classes: the classes of the run; other images are left out.
        references: maximum number of training images per class to compare generated images with.
        measured: maximum number of training images and of test images per class for the evaluation.
        seed: seed of the hash.

    Returns:
        Rows `image_id, label, kind, reference`; within class and kind in the order of the hash.

    Raises:
        InputError: split and protocol belong to different runs.
    """
    labels = list(classes)
    limits = {"training": max(references, measured), "test": measured}
    rows = {
        "training": training_rows(split, protocol, labels),
        "test": part_rows(split, TEST_PARTS[rules_of(protocol)], labels),
    }
    require_visible(split, rows["training"]["image_id"], protocol)
    tables = []
    for kind in KINDS:
        selected = rows[kind].assign(kind=pd.array([kind] * len(rows[kind]), dtype="str"), hash=0.0)
        selected["hash"] = draws(selected["image_id"], seed=seed)
        selected = selected.sort_values(["label", "hash", "image_id"], ignore_index=True)
        place = selected.groupby("label").cumcount()
        selected["reference"] = (place < references) & (kind == "training")
        tables.append(selected.loc[place < limits[kind], ["image_id", "label", "kind", "reference"]])
    return pd.concat(tables, ignore_index=True)


def write_real_image_features(real: RealImageFeatures, table: Path, features: Path) -> None:
    """Write the table as Parquet and the features as safetensors."""
    write_table(SCHEMA.validate(real.table), table)
    write_features(real.features, features)


def read_real_image_features(table: Path, features: Path) -> RealImageFeatures:
    """Read files that `write_real_image_features` wrote.

    Raises:
        InputError: a file is missing or damaged, or the files belong to different runs.
    """
    rows, values = read_table(table, SCHEMA), read_features(features)
    if len(rows) != len(values):
        raise InputError(features, f"has features of {len(values)} images, {table.name} of {len(rows)}", _REMEDY)
    return RealImageFeatures(rows, values)


def write_features(features: np.ndarray, path: Path) -> None:
    """Write Inception features, float32 (n, 2048)."""
    write_tensors(path, {FEATURES: torch.from_numpy(features)}, FEATURES, {})


def read_features(path: Path) -> np.ndarray:
    """Read a file that `write_features` wrote.

    Raises:
        InputError: the file is missing, damaged or of another kind.
    """
    return read_tensors(path, FEATURES, _REMEDY)[1][FEATURES].numpy()
