"""Lists of the real images that a training learned from or compared with, one table beside its weights.

The leak audit of a balanced set (`balance.leaks`) checks these tables.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.splits import PARTS
from hemabalance.dataset.tables import LABEL, read_table, write_table
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol

Kind = Literal["normalizer", "generator", "teacher", "judge", "gate"]

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str),
        "label": pa.Column(str, LABEL),
        "part": pa.Column(str, pa.Check.isin(PARTS)),
        "protocol": pa.Column(str),
    },
    checks=[pa.Check(lambda t: t["image_id"].is_monotonic_increasing, error="sorted by image_id")],
    strict=True,
    ordered=True,
)


@dataclass(frozen=True)
class SeenImages:
    """The list of one training.

    Attributes:
        kind: `normalizer`, `generator`, `teacher` (of a generator), `judge` (the gate's classifier), `gate` (the real
            images that the gate compares with).
        name: name of the normaliser or generator in the config; for a judge, the normaliser whose images it learned
            from; for a gate, the generator whose images it judged.
        table: rows of the split, and the protocol of the training (`SCHEMA`).
    """

    kind: Kind
    name: str
    table: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def write_seen_images(split: pd.DataFrame, protocol: Protocol, image_ids: Iterable[str], path: Path) -> None:
    """Write the list of real images of a training.

    Args:
        split: split of the training's protocol.
        protocol: protocol of the training.
        image_ids: ids of all real images that the training received, in any order; may be empty.
        path: Parquet file to write.

    Raises:
        InputError: an image is not in the split, or the disk is full.
    """
    ids = pd.Index(sorted(set(image_ids)), dtype="str")
    foreign = ids.difference(pd.Index(split["image_id"]))
    if len(foreign):
        problem = f"a training received {len(foreign)} images that are not in the split, {foreign[0]} first"
        raise InputError(path, problem, "Delete the split and the results built from it, and run the workflow again")
    chosen = split[split["image_id"].isin(ids)].assign(protocol=protocol).sort_values("image_id", ignore_index=True)
    write_table(SCHEMA.validate(chosen[list(SCHEMA.columns)].astype("str")), path)


def read_seen_images(kind: Kind, name: str, path: Path) -> SeenImages:
    """Read a list written by `write_seen_images`.

    Raises:
        InputError: the file is missing, damaged, or has another schema.
    """
    return SeenImages(kind, name, read_table(path, SCHEMA))
