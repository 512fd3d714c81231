"""The balanced set: normalised real images, and synthetic images up to a target per class (thesis §3.7, §4.4).

Under `leak_free` the split is made before balancing: validation and test images are real, and only training images are
added or removed; images that a scarce protocol withholds, or that are used without labels by one across sources, are
not in the set. Under `thesis` all images are pooled first and the pool, synthetic images included, is split after
balancing: the test part holds images of generators that were trained on other test images. It serves comparison only.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pandas as pd
import pandera.pandas as pa

from hemabalance.classes import UNLABELLED
from hemabalance.dataset.imageset import ORIGINS, ImageSet
from hemabalance.dataset.splits import UNLABELLED_HALF, VISIBLE, WITHHELD, draws, parts_of
from hemabalance.dataset.tables import read_table, write_table
from hemabalance.dataset.working_size import fill_reduced, positions_of
from hemabalance.errors import InputError
from hemabalance.protocols import Protocol, rules_of

log = logging.getLogger(__name__)

REAL = "real"
"""Name of the normalised real images among the image sets of a balanced set."""

PARTS = ("train", "validation", "test")

_REBUILD = "Delete the results made from it and run the workflow again"

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "label": pa.Column(str, pa.Check.notin(["", UNLABELLED])),
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
    """How many images each class gets.

    Attributes:
        target_per_class: training images per class, real and synthetic together.
        above: a class with more real training images than the target is left as it is (`keep`) or reduced to the
            target (`subsample`).
        test_share, validation_share: shares of the split; used only under `thesis`, which splits after balancing.
    """

    target_per_class: int
    above: Literal["keep", "subsample"]
    test_share: float
    validation_share: float


def accepted_images(index: pd.DataFrame, gate: pd.DataFrame | None) -> pd.DataFrame:
    """The rows of a generator's image set that may enter a balanced set, in the order of the set.

    Args:
        index: index of the image set (`imageset.SCHEMA`).
        gate: `image_id, accepted` of every image of the set; None without a gate: all images may enter.

    Raises:
        InputError: gate and index list different images.
    """
    if gate is None:
        return index
    accepted = index["image_id"].map(gate.set_index("image_id")["accepted"])
    if len(gate) != len(index) or accepted.isna().any():
        problem = f"judged {len(gate)} images, which are not the {len(index)} of the image set"
        raise InputError("gate.parquet", problem, _REBUILD)
    return index[accepted.to_numpy(dtype=bool)]


def balance(
    split: pd.DataFrame,
    real: pd.DataFrame,
    protocol: Protocol,
    generators: Mapping[str, str],
    generated: Mapping[str, pd.DataFrame],
    settings: BalanceSettings,
    *,
    seed: int,
) -> pd.DataFrame:
    """Combine real and synthetic images.

    A class with fewer training images than the target is filled up with accepted synthetic images, in the order in
    which they were generated, until the target is reached or the images run out. With `above: subsample`, a class
    above the target keeps the groups with the smallest random numbers. These numbers are not the split's own: the
    images of a pool with the smallest numbers of the split are its test images. Without generators the set stays
    unchanged.

    Args:
        split: split of the protocol, of the classes of the run.
        real: index of the normalised real images.
        protocol: decides which images are training images, and when parts are assigned.
        generators: class -> generator that fills the class up; classes without a generator may be missing.
        generated: generator -> its `accepted_images`.
        settings: how many images each class gets.
        seed: seed of the split.

    Returns:
        The balanced set (`SCHEMA`).

    Raises:
        InputError: an image of the split is missing among the normalised images.
    """
    rows = _real_rows(split, real)
    if generators and settings.above == "subsample":
        rows = _subsample(rows, protocol, settings.target_per_class, seed)
    counts = rows.loc[rows["part"].isin(VISIBLE[rules_of(protocol)]), "label"].value_counts()
    tables = [rows]
    for label, generator in generators.items():
        images = generated[generator][generated[generator]["label"] == label]
        missing = max(0, settings.target_per_class - counts.get(label, 0))
        tables.append(_synthetic_rows(images.head(missing), generator, seed))
    table = pd.concat(tables, ignore_index=True).sort_values("image_id", ignore_index=True)
    if rules_of(protocol) == "thesis":
        table["part"] = parts_of(table["draw"], settings.test_share, settings.validation_share)
    return SCHEMA.validate(table[list(SCHEMA.columns)].astype("str"))


def _real_rows(split: pd.DataFrame, real: pd.DataFrame) -> pd.DataFrame:
    columns = ["image_id", "file", "sha256", "provenance"]
    rows = split.merge(real[columns], on="image_id", how="left", validate="one_to_one")
    missing = rows.loc[rows["file"].isna(), "image_id"]
    if len(missing):
        problem = f"lack {len(missing)} of the {len(rows)} images of the split, first {missing.iloc[0]}"
        raise InputError("normalised images", problem, _REBUILD)
    return rows[~rows["part"].isin([WITHHELD, UNLABELLED_HALF])].assign(origin="real", image_set=REAL)


def _subsample(rows: pd.DataFrame, protocol: Protocol, limit: int, seed: int) -> pd.DataFrame:
    """Remove the training images with the largest random numbers, so that at most `limit` of each class remain."""
    training = rows[rows["part"].isin(VISIBLE[rules_of(protocol)])]
    training = training.assign(number=draws(training["group_id"], seed=seed + 1)).sort_values(["number", "image_id"])
    return rows.drop(index=training.index[training.groupby("label").cumcount() >= limit])


def _synthetic_rows(images: pd.DataFrame, generator: str, seed: int) -> pd.DataFrame:
    rows = images[["image_id", "label", "source", "origin", "file", "sha256", "provenance"]]
    return rows.assign(
        image_set=generator, group_id=rows["image_id"], part="train", draw=draws(rows["image_id"], seed=seed)
    )


def shortfalls(
    rows: pd.DataFrame,
    protocol: Protocol,
    classes: Sequence[str],
    generators: Mapping[str, str],
    target_per_class: int,
) -> list[dict[str, object]]:
    """The classes below the target, as rows `label, images, target, short, generator`; empty without generators.

    Args:
        rows: the balanced set.
        protocol: under `leak_free` training images count; under `thesis`, which balances the pool, all images count.
        classes: all classes of the run.
        generators: see `balance`.
        target_per_class: see `BalanceSettings`.
    """
    counted = rows[rows["part"] == "train"] if rules_of(protocol) == "leak_free" else rows
    counts = counted["label"].value_counts()
    short_classes: list[dict[str, object]] = []
    for label in classes if generators else ():
        n, generator = int(counts.get(label, 0)), generators.get(label)
        if n >= target_per_class:
            continue
        numbers = {"images": n, "target": target_per_class, "short": target_per_class - n}
        short_classes.append({"label": label, **numbers, "generator": generator})
        if n or generator:
            filled = f"after filling up by {generator}" if generator else "and no generator fills it up"
            log.warning("class %s has %d of %d images %s", label, n, target_per_class, filled)
    return short_classes


def read_images(
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    size: int,
    *,
    threads: int,
    out: np.ndarray | None = None,
) -> np.ndarray:
    """Images of a balanced set at the working size; larger images are reduced by averaging areas.

    Args:
        rows: rows of the set; the columns `image_id, image_set, sha256` are used.
        sets: the image sets by name.
        size: side in pixels.
        threads: decoders that run at once.
        out: array to fill (a memory map, for example) instead of a new one.

    Returns:
        RGB uint8 (n, size, size, 3) in the order of the rows.

    Raises:
        InputError: as `by_set`, or a set holds images that are not square or are smaller than `size`.
    """
    pixels = np.empty((len(rows), size, size, 3), np.uint8) if out is None else out
    for image_set, stored, places in by_set(rows, sets):
        fill_reduced(pixels, places, image_set, stored, threads=threads)
    return pixels


def by_set(rows: pd.DataFrame, sets: Mapping[str, ImageSet]) -> Iterator[tuple[ImageSet, np.ndarray, np.ndarray]]:
    """For each image set among the rows: the set, the positions of the images in it, their positions in `rows`.

    Both position arrays are int64 (n,) for the n rows of the set.

    Raises:
        InputError: an image set is not in `sets`, lacks an image, or holds an image with another hash than its row.
    """
    for name, members in rows.assign(place=np.arange(len(rows))).groupby("image_set"):
        if name not in sets:
            problem = f"has images of the set {name}, but only {', '.join(sets)} were opened"
            raise InputError("the balanced set", problem, "Open that set too, or run the workflow again")
        image_set = sets[str(name)]
        stored = positions_of(image_set, members["image_id"])
        changed = image_set.index["sha256"].to_numpy()[stored] != members["sha256"].to_numpy()
        if changed.any():
            image_id = members["image_id"].to_numpy()[changed][0]
            problem = f"holds another image {image_id} than the one in the balanced set (sha256 differs)"
            raise InputError(image_set.path, problem, "Delete the balanced set and run the workflow again")
        yield image_set, stored, members["place"].to_numpy()


def write_balanced(table: pd.DataFrame, path: Path) -> None:
    """Check a balanced set against `SCHEMA` and write it as Parquet."""
    write_table(SCHEMA.validate(table), path)


def read_balanced(path: Path) -> pd.DataFrame:
    """Read a balanced set and check it against `SCHEMA`.

    Raises:
        InputError: the file is missing, is no Parquet, or breaks the schema.
    """
    return read_table(path, SCHEMA)
