"""The balanced set: real images after normalisation, and synthetic ones up to a number a class (thesis §3.7, §4.4).

Under `leak_free` the split stands before anything is balanced: validation and test images are real, and only training
images are added or taken away. Under `thesis` all images are pooled first, and split after balancing, synthetic ones
too: its test set holds images of generators that saw the others, and is shown for comparison alone.
"""

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.dataset.imageset import ORIGINS, ImageSet
from hemabalance.dataset.splits import VISIBLE, draws, parts_of
from hemabalance.dataset.tables import read_table, write_table
from hemabalance.dataset.working_size import fill_reduced, positions_of
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol
from hemabalance.taxonomy import CLASSES

log = logging.getLogger(__name__)

REAL = "real"
"""The name of the normalised real images among the image sets of a balanced set."""

PARTS = ("train", "validation", "test")

_AGAIN = "Delete the results made from it and run the workflow again"

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "label": pa.Column(str, pa.Check.isin(CLASSES)),
        "source": pa.Column(str),
        "origin": pa.Column(str, pa.Check.isin(ORIGINS)),
        "part": pa.Column(str, pa.Check.isin(PARTS)),
        "image_set": pa.Column(str),
        "file": pa.Column(str),
        "sha256": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{64}$")),
        "group_id": pa.Column(str),
        "provenance": pa.Column(str),
    },
    checks=[
        pa.Check(lambda t: t["image_id"].is_monotonic_increasing, error="sorted by image_id"),
        pa.Check(lambda t: (t["origin"] == "real") == (t["image_set"] == REAL), error="real images are of one set"),
    ],
    strict=True,
    ordered=True,
)


@dataclass(frozen=True)
class BalanceSettings:
    """How many images of each class.

    Attributes:
        target_per_class: training images, real and synthetic together.
        above: what becomes of a class with more real ones: `keep` all, or `subsample` down to the target.
        test_share, validation_share: of the split, for the protocol that splits after balancing.
    """

    target_per_class: int
    above: Literal["keep", "subsample"]
    test_share: float
    validation_share: float


def candidates(index: pd.DataFrame, gate: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of a generator's image set that may enter a balanced set, in the order of the set.

    Args:
        index: of the image set, as `imageset.SCHEMA` describes it.
        gate: `image_id, accepted` of every image of the set; None where no gate decides, and all may enter.

    Raises:
        InputError: gate and index are not of the same images.
    """
    if gate is None:
        return index
    accepted = index["image_id"].map(gate.set_index("image_id")["accepted"])
    if len(gate) != len(index) or accepted.isna().any():
        problem = f"judged {len(gate)} images, which are not the {len(index)} of the image set"
        raise InputError("gate.parquet", problem, _AGAIN)
    return index[accepted.to_numpy(dtype=bool)]


def balance(
    split: pd.DataFrame,
    real: pd.DataFrame,
    protocol: Protocol,
    makers: Mapping[str, str],
    drawn: Mapping[str, pd.DataFrame],
    settings: BalanceSettings,
    *,
    seed: int,
) -> pd.DataFrame:
    """Put real and synthetic images together.

    Training images of a class that are fewer than the target are filled up with synthetic ones, in the order in which
    they were drawn, as far as there are any. Of a class above it, where `above` says so, those groups stay that have
    the smallest draws; drawn anew, since the split's own draws would leave test images of a pool. Without any maker
    the set is the original one: nothing is added or taken away.

    Args:
        split: of the protocol.
        real: index of the normalised real images.
        protocol: decides what training images are, and when parts are assigned.
        makers: class -> generator whose images fill it up; classes that none serves may be missing.
        drawn: generator -> its `candidates`.
        settings: how many.
        seed: of the split.

    Returns:
        The balanced set as `SCHEMA` describes it.

    Raises:
        InputError: a kept image is not among the normalised ones.
    """
    rows = _real_rows(split, real)
    if makers and settings.above == "subsample":
        rows = _thinned(rows, protocol, settings.target_per_class, seed)
    have = rows.loc[rows["part"].isin(VISIBLE[protocol]), "label"].value_counts()
    tables = [rows]
    for label, maker in makers.items():
        mine = drawn[maker][drawn[maker]["label"] == label]
        tables.append(_synthetic_rows(mine.head(max(0, settings.target_per_class - have.get(label, 0))), maker, seed))
    table = pd.concat(tables, ignore_index=True).sort_values("image_id", ignore_index=True)
    if protocol == "thesis":
        table["part"] = parts_of(table["draw"], settings.test_share, settings.validation_share)
    return SCHEMA.validate(table[list(SCHEMA.columns)].astype("str"))


def _real_rows(split: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    columns = ["image_id", "file", "sha256", "provenance"]
    rows = split.merge(real[columns], on="image_id", how="left", validate="one_to_one")
    lacking = rows.loc[rows["file"].isna(), "image_id"]
    if len(lacking):
        problem = f"lack {len(lacking)} of {len(rows)} kept images, {lacking.iloc[0]} first"
        raise InputError("normalised images", problem, _AGAIN)
    return rows.assign(origin="real", image_set=REAL)


def _thinned(rows: pd.DataFrame, protocol: Protocol, most: int, seed: int) -> pd.DataFrame:
    """Rows without the training images of each class that have the largest draws, so that `most` are left."""
    training = rows[rows["part"].isin(VISIBLE[protocol])]
    training = training.assign(again=draws(training["group_id"], seed=seed + 1)).sort_values(["again", "image_id"])
    return rows.drop(index=training.index[training.groupby("label").cumcount() >= most])


def _synthetic_rows(chosen: pd.DataFrame, maker: str, seed: int) -> pd.DataFrame:
    rows = chosen[["image_id", "label", "source", "origin", "file", "sha256", "provenance"]]
    return rows.assign(
        image_set=maker, group_id=rows["image_id"], part="train", draw=draws(rows["image_id"], seed=seed)
    )


def shortfalls(
    rows: pd.DataFrame, protocol: Protocol, makers: Mapping[str, str], target_per_class: int
) -> list[dict[str, object]]:
    """The classes that stayed below the target: `label, images, target, short, generator`; none of an original set.

    Args:
        rows: the balanced set.
        protocol: under `leak_free` training images count; under `thesis`, which balances the pool, all.
        makers: see `balance`.
        target_per_class: see `BalanceSettings`.
    """
    counted = rows[rows["part"] == "train"] if protocol == "leak_free" else rows
    have = counted["label"].value_counts()
    found: list[dict[str, object]] = []
    for label in CLASSES if makers else ():
        n, maker = int(have.get(label, 0)), makers.get(label)
        if n >= target_per_class:
            continue
        short = {"images": n, "target": target_per_class, "short": target_per_class - n}
        found.append({"label": label, **short, "generator": maker})
        if n or maker:
            log.warning("%s stays at %d of %d images, filled up by %s", label, n, target_per_class, maker or "nobody")
    return found


def read_images(
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    size: int,
    *,
    threads: int,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Images of a balanced set at the working size, real ones reduced to it by averaging areas.

    Args:
        rows: any rows of the set; `image_id, image_set, sha256` are used.
        sets: the image sets by name.
        size: side in pixels.
        threads: decoders at once.
        out: an array to fill (a memory map, say) instead of a new one.

    Returns:
        RGB uint8 (n, size, size, 3) in the order of the rows.

    Raises:
        InputError: as `by_set`, or a set holds images that are not square or smaller than `size`.
    """
    pixels = np.empty((len(rows), size, size, 3), np.uint8) if out is None else out
    for held, where, at in by_set(rows, sets):
        fill_reduced(pixels, at, held, where, threads=threads)
    return pixels


def by_set(rows: pd.DataFrame, sets: Mapping[str, ImageSet]) -> Iterator[tuple[ImageSet, np.ndarray, np.ndarray]]:
    """Each image set that rows are of, with where the images are in it and among the rows, int64 (n,) both.

    Raises:
        InputError: an image set is not given, lacks an image, or holds another one than the rows say.
    """
    for name, mine in rows.assign(at=np.arange(len(rows))).groupby("image_set"):
        if name not in sets:
            problem = f"has images of the set {name}, and only {', '.join(sets)} were opened"
            raise InputError("the balanced set", problem, "Open that set too, or run the workflow again")
        held = sets[str(name)]
        where = positions_of(held, mine["image_id"])
        wrong = held.index["sha256"].to_numpy()[where] != mine["sha256"].to_numpy()
        if wrong.any():
            problem = f"holds another {mine['image_id'].to_numpy()[wrong][0]} than the balanced set was made of"
            raise InputError(held.path, problem, "Delete the balanced set and run the workflow again")
        yield held, where, mine["at"].to_numpy()


def write_balanced(table: pd.DataFrame, path: Path) -> None:
    """Check a balanced set against `SCHEMA` and write it as Parquet."""
    write_table(SCHEMA.validate(table), path)


def read_balanced(path: Path) -> pd.DataFrame:
    """Read a balanced set and check it against `SCHEMA`."""
    return read_table(path, SCHEMA)
