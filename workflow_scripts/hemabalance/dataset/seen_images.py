"""What a training saw: the real images that it learned from or compared with, in a table beside its weights.

The audit of a balanced set (`balance.leaks`) walks these tables; it takes nobody's word for what was visible.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.splits import PARTS
from hemabalance.dataset.tables import read_table, write_table
from hemabalance.errors import InputError
from hemabalance.taxonomy import CLASSES

Kind = Literal["normalizer", "generator", "teacher", "judge", "gate"]

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str),
        "label": pa.Column(str, pa.Check.isin(CLASSES)),
        "part": pa.Column(str, pa.Check.isin(PARTS)),
    },
    checks=[pa.Check(lambda t: t["image_id"].is_monotonic_increasing, error="sorted by image_id")],
    strict=True,
    ordered=True,
)


@dataclass(frozen=True)
class SeenImages:
    """One list, and whose it is.

    Attributes:
        kind: `normalizer`, `generator`, `teacher` (of a generator), `judge` (the gate's classifier), `gate` (the real
            images that it compares with).
        name: of the normaliser or generator in config; of a judge that of the normaliser whose images it learned from;
            of a gate that of the generator whose images it judged.
        table: as `SCHEMA` describes it.
    """

    kind: Kind
    name: str
    table: pd.DataFrame

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def write_seen_images(split: pd.DataFrame, image_ids: Iterable[str], path: Path) -> None:
    """Write the list of a training.

    Args:
        split: of the protocol that the training ran under.
        image_ids: of all real images that it was given, in any order; none for one that was given none.
        path: Parquet to write.

    Raises:
        InputError: an image is not in the split, or the disk is full.
    """
    ids = pd.Index(sorted(set(image_ids)), dtype="str")
    foreign = ids.difference(pd.Index(split["image_id"]))
    if len(foreign):
        problem = f"a training was given {len(foreign)} images that are not in the split, {foreign[0]} first"
        raise InputError(path, problem, "Delete the split and what was made from it, and run the workflow again")
    chosen = split[split["image_id"].isin(ids)].sort_values("image_id", ignore_index=True)
    write_table(SCHEMA.validate(chosen[list(SCHEMA.columns)].astype("str")), path)


def read_seen_images(kind: Kind, name: str, path: Path) -> SeenImages:
    """Read a list that `write_seen_images` wrote.

    Raises:
        InputError: the file is missing, damaged or another one.
    """
    return SeenImages(kind, name, read_table(path, SCHEMA))
