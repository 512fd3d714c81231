"""Split images into training, validation and test by a hash of the photograph's group, without shuffling.

The draw of a group is a number in [0, 1) from a hash of the seed and the group's id. A new image therefore does not
move other images across the split, at the cost of approximate shares in small classes. Only where groups are declared
(such as patients) are the draws of a source spread evenly, because groups may be few.
"""

import hashlib
import logging
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.class_parts import (
    even_draws,
    give_test_images,
    give_training_images,
    refuse_missing_parts,
    refuse_single_groups,
)
from hemabalance.dataset.tables import LABEL, read_table, write_table
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol, Rules, rules_of

log = logging.getLogger(__name__)

WITHHELD = "withheld"
"""The part of the images that a scarce protocol keeps from everything (`dataset.scarcity`)."""

UNLABELLED_HALF = "unlabelled"
"""The images of other sources that normalisers may use without their labels (`dataset.across`)."""

PARTS = ("train", "validation", "test", "pool", WITHHELD, UNLABELLED_HALF)

VISIBLE: dict[Rules, tuple[str, ...]] = {"leak_free": ("train",), "thesis": ("pool",)}
"""The parts that may be used for training normalisers, generators and classifiers."""

HELD_BACK: dict[Rules, tuple[str, ...]] = {"leak_free": ("validation", "test"), "thesis": ()}
"""The parts that evaluations use and no training does. The thesis splits after balancing: its normalisers and
generators use all images."""

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "source": pa.Column(str),
        "label": pa.Column(str, LABEL),
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
    """Return a number in [0, 1) for each group id, float64 (n,): the first 53 bits of sha256(`<seed>:<group_id>`)."""
    digests = (hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8] for group in group_ids)
    return np.array([(int.from_bytes(digest, "big") >> 11) / 2.0**53 for digest in digests], np.float64)


def parts_of(draw: pd.Series, test_share: float, validation_share: float) -> np.ndarray:
    """Return `test` for draws below `test_share`, `validation` for the next share, else `train`; str objects (n,)."""
    validation_end = test_share + (1 - test_share) * validation_share
    names = np.array(["test", "validation", "train"], dtype=object)
    parts: np.ndarray = names[np.searchsorted([test_share, validation_end], draw, side="right")]
    return parts


def split(
    manifest: pd.DataFrame,
    protocol: Rules,
    *,
    seed: int,
    test_share: float,
    validation_share: float,
    min_groups_for_test: int,
) -> pd.DataFrame:
    """Assign the kept images of a manifest to parts.

    `leak_free`: images with `draw < test_share` are test, the next `validation_share` of the rest is validation, the
    others are train. The draw does not depend on class or source, so every stratum has the same expected shares; of
    declared groups (such as patients), of which there may be few, the draws are spread evenly (`even_draws`). If a
    class (within a source, or over all sources) has at least `min_groups_for_test` groups but none in test, the group
    whose draw is nearest the threshold moves to test. A class with declared groups (such as patients) has training and
    test images if it has two groups, and is refused otherwise.

    `thesis` (§4.4) splits only after balancing: here every image is in the part `pool` and keeps its draw.

    Args:
        manifest: rows of all sources (`manifest_table.SCHEMA`).
        protocol: `leak_free` or `thesis`.
        seed: seed of the draws.
        test_share: share of all groups in [0, 1).
        validation_share: share of the groups outside test, in [0, 1).
        min_groups_for_test: a class with fewer groups may have no test image.

    Returns:
        `image_id, source, label, group_id, draw, part`, sorted by `image_id`.

    Raises:
        InputError: a class with declared groups cannot be divided without dividing a group.
    """
    columns = ["image_id", "source", "label", "group_id"]
    table = manifest.loc[manifest["status"] == "kept", [*columns, "declared_group"]]
    table = table.sort_values("image_id", ignore_index=True)
    table["draw"] = draws(table["group_id"], seed=seed)
    table["declared"] = table.pop("declared_group").notna()
    table["draw"] = even_draws(table, test_share, validation_share)
    if test_share:
        refuse_single_groups(table)
    if protocol == "thesis":
        return table.drop(columns="declared").assign(part="pool")
    table["part"] = pd.array(parts_of(table["draw"], test_share, validation_share), dtype="str")
    if test_share:
        for stratum in (["source", "label"], ["label"]):
            give_test_images(table, stratum, min_groups_for_test)
        give_training_images(table)
        refuse_missing_parts(table)
    groups = table.groupby("part")["group_id"].nunique()
    log.info("groups: %s", ", ".join(f"{groups[part]} {part}" for part in PARTS if part in groups))
    return table.drop(columns="declared")


def visible(table: pd.DataFrame, protocol: Protocol) -> pd.DataFrame:
    """Return the rows that may be used for training."""
    return table[table["part"].isin(VISIBLE[rules_of(protocol)])]


def require_visible(table: pd.DataFrame, image_ids: pd.Series, protocol: Protocol) -> None:
    """Check that a training uses none of the images held back.

    Args:
        table: the split.
        image_ids: ids of all images of the training.
        protocol: determines the parts for training.

    Raises:
        InputError: an image is in another part or not in the split.
    """
    hidden = image_ids[~image_ids.isin(visible(table, protocol)["image_id"])]
    if len(hidden):
        parts = " or ".join(VISIBLE[rules_of(protocol)])
        raise InputError(
            f"training under the protocol {protocol}",
            f"{len(hidden)} of {len(image_ids)} images are not of {parts}, {hidden.iloc[0]} first",
            "The split and the image set are from different runs: delete the results built from them and run again",
        )


def write_split(table: pd.DataFrame, path: Path) -> None:
    """Check a split against `SCHEMA` and write it as Parquet."""
    write_table(SCHEMA.validate(table), path)


def read_split(path: Path) -> pd.DataFrame:
    """Read a split and check it against `SCHEMA`."""
    return read_table(path, SCHEMA)
