"""Who is training, validation and test: by a hash of the photograph's group, never by shuffling.

Each group draws a number in [0, 1) from a hash of the seed and its id. Adding an image therefore moves no other
one across the split; the price is that shares are approximate in small classes.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.tables import read_table, write_table
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.taxonomy import CLASSES

log = logging.getLogger(__name__)

PARTS = ("train", "validation", "test", "pool")

VISIBLE: dict[Protocol, tuple[str, ...]] = {"leak_free": ("train",), "thesis": ("pool",)}
"""The parts that training may see: normalisers, generators and classifiers."""

HELD_BACK: dict[Protocol, tuple[str, ...]] = {"leak_free": ("validation", "test"), "thesis": ()}
"""The parts that no training saw. The thesis splits after balancing: its normalisers and generators saw everything."""

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str),
        "label": pa.Column(str, pa.Check.isin(CLASSES)),
        "group_id": pa.Column(str),
        "draw": pa.Column("float64", pa.Check.in_range(0, 1, include_max=False)),
        "part": pa.Column(str, pa.Check.isin(PARTS)),
    },
    checks=[
        pa.Check(lambda t: t.groupby("group_id")["part"].transform("nunique") == 1, error="a group crosses the split")
    ],
    strict=True,
    ordered=True,
)


def draws(group_ids: pd.Series, *, seed: int) -> np.ndarray:
    """A number in [0, 1) for each group id: the first 53 bits of sha256(`<seed>:<group_id>`)."""
    digests = (hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8] for group in group_ids)
    return np.array([(int.from_bytes(d, "big") >> 11) / 2.0**53 for d in digests], np.float64)


def parts_of(draw: pd.Series, test_share: float, validation_share: float) -> np.ndarray:
    """`test` for draws below `test_share`, `validation` for that share of the rest, else `train`; str objects (n,)."""
    validation_end = test_share + (1 - test_share) * validation_share
    names = np.array(["test", "validation", "train"], dtype=object)
    found: np.ndarray = names[np.searchsorted([test_share, validation_end], draw, side="right")]
    return found


def split(
    manifest: pd.DataFrame,
    protocol: Protocol,
    *,
    seed: int,
    test_share: float,
    validation_share: float,
    min_groups_for_test: int,
) -> pd.DataFrame:
    """Assign the kept images of a manifest to parts.

    `leak_free`: `draw < test_share` is test, the next `validation_share` of the rest is validation, the others
    train. The draw does not know class or source, so every stratum gets the same expected shares. A class within
    a source, and a class over all sources, that has `min_groups_for_test` groups or more but none in test gives
    test the one whose draw is nearest the threshold.

    `thesis` (§4.4) splits only after balancing: every image is `pool` here and brings its draw along.

    Args:
        manifest: rows of all sources as `manifest_table.SCHEMA` describes them.
        protocol: `leak_free` or `thesis`.
        seed: of the draws.
        test_share: share of all groups in [0, 1).
        validation_share: share of what is not test, in [0, 1).
        min_groups_for_test: a class with fewer groups may go without a test image.

    Returns:
        `image_id, source, label, group_id, draw, part`, sorted by `image_id`.
    """
    table = manifest.loc[manifest["status"] == "kept", ["image_id", "source", "label", "group_id"]]
    table = table.sort_values("image_id", ignore_index=True)
    table["draw"] = draws(table["group_id"], seed=seed)
    if protocol == "thesis":
        return table.assign(part="pool")
    table["part"] = pd.array(parts_of(table["draw"], test_share, validation_share), dtype="str")
    for stratum in (["source", "label"], ["label"]) if test_share else ():
        for name, rows in table.groupby(stratum):
            if rows["group_id"].nunique() >= min_groups_for_test and not (rows["part"] == "test").any():
                nearest = rows.loc[rows["draw"].idxmin(), "group_id"]
                table.loc[table["group_id"] == nearest, "part"] = "test"
                log.info("%s came out without a test image: %s goes to test", "/".join(map(str, name)), nearest)
    return table


def visible(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """The rows that training may see."""
    return table[table["part"].isin(VISIBLE[protocol])]


def require_visible(table: pd.DataFrame, image_ids: pd.Series, protocol: Protocol) -> None:
    """The check that a training stands behind: none of its images is held back.

    Args:
        table: the split.
        image_ids: of all images that the training is about to see.
        protocol: decides who may see what.

    Raises:
        InputError: an image is of another part, or not in the split at all.
    """
    seen = image_ids[~image_ids.isin(visible(table, protocol)["image_id"])]
    if len(seen):
        raise InputError(
            f"training under the protocol {protocol}",
            f"{len(seen)} of {len(image_ids)} images are not of {' or '.join(VISIBLE[protocol])}, {seen.iloc[0]} first",
            "The split and the image set are not of one run: delete the results made from either and run again",
        )


def write_split(table: pd.DataFrame, path: Path) -> None:
    """Check a split against `SCHEMA` and write it as Parquet."""
    write_table(SCHEMA.validate(table), path)


def read_split(path: Path) -> pd.DataFrame:
    """Read a split and check it against `SCHEMA`."""
    return read_table(path, SCHEMA)
