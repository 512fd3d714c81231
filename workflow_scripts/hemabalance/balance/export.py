"""Export of a balanced set for other tools: a folder of PNGs, or Parquet files for Hugging Face `datasets`.

Both hold the images at the working size, as a classifier sees them, arranged by part. An export is atomic: it is
written to a temporary folder, which is renamed at the end; an existing folder is never overwritten.
"""

import io
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as arrow
import pyarrow.parquet as parquet
from PIL import Image

from hemabalance.balance.balanced_set import PARTS, read_images
from hemabalance.balance.dataset_card import CARD
from hemabalance.dataset.imageset import ImageSet
from hemabalance.errors import InputError
from hemabalance.files import check_new_folder
from hemabalance.new_folder import atomic_folder
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import Meter

_BATCH = 256

_TEXT_COLUMNS = ("image_id", "source", "origin", "group_id", "provenance")


def parquet_schema(classes: Sequence[str]) -> arrow.Schema:
    """Schema of each Parquet file; its metadata tell `datasets` the types of the columns and the names of classes."""
    features: dict[str, dict[str, Any]] = {
        "image": {"_type": "Image"},
        "label": {"names": list(classes), "_type": "ClassLabel"},
        **{name: {"dtype": "string", "_type": "Value"} for name in _TEXT_COLUMNS},
    }
    return arrow.schema(
        [
            ("image", arrow.struct([("bytes", arrow.binary()), ("path", arrow.string())])),
            ("label", arrow.int64()),
            *((name, arrow.string()) for name in _TEXT_COLUMNS),
        ],
        metadata={"huggingface": json.dumps({"info": {"features": features}})},
    )


def export_folder(
    rows: pd.DataFrame, sets: Mapping[str, ImageSet], size: int, folder: Path, *, threads: int, card: str | None = None
) -> None:
    """Write `<folder>/<part>/<class>/<file>.png`, the layout that image-folder readers of many libraries expect.

    Args:
        rows: rows of a balanced set (`balanced_set.SCHEMA`).
        sets: the image sets by name.
        size: working size in pixels.
        folder: folder to create; must not exist.
        threads: images that are processed at once.
        card: text of `<folder>/README.md` (`dataset_card.render_card`); None for no such file.

    Raises:
        InputError: the folder exists or cannot be written, two images would get the same file name, or as
            `balanced_set.read_images`.
    """
    names = _names(rows)
    duplicates = names[names.duplicated()]
    if len(duplicates):
        problem = f"two images would get the file name {duplicates.iloc[0]}"
        raise InputError(folder, problem, "Export as Parquet (--parquet), which needs no file names")
    check_new_folder(folder)
    with atomic_folder(folder) as part:
        for name in sorted(set(names.map(os.path.dirname))):
            (part / name).mkdir(parents=True)
        for name, png in zip(names, _pngs(rows, sets, size, threads=threads), strict=True):
            (part / name).write_bytes(png)
        _write_card(card, part)


def _names(rows: pd.DataFrame) -> pd.Series:
    """`<part>/<class>/<file>.png`; ids of real images start with their source, ids of synthetic images get a prefix."""
    prefix = np.where(rows["origin"] == "synthetic", "synthetic__", "")
    return rows["part"] + "/" + rows["label"] + "/" + prefix + rows["image_id"].str.replace("/", "__") + ".png"


def export_parquet(
    rows: pd.DataFrame,
    sets: Mapping[str, ImageSet],
    size: int,
    folder: Path,
    *,
    classes: Sequence[str],
    images_per_file: int,
    threads: int,
    card: str | None = None,
) -> None:
    """Write `<folder>/data/<part>-<k>-of-<n>.parquet`, to be read by `datasets.load_dataset("<folder>")`.

    The column `image` is an `Image`, `label` a `ClassLabel` of the classes of the run; `image_id`, `source`, `origin`,
    `group_id` and `provenance` are strings.

    Args:
        rows, sets, size, folder, threads, card: see `export_folder`.
        classes: all classes of the run in alphabetical order.
        images_per_file: maximum number of images per file.

    Raises:
        InputError: the folder exists or cannot be written, or as `balanced_set.read_images`.
    """
    check_new_folder(folder)
    with atomic_folder(folder) as temporary:
        (temporary / "data").mkdir()
        for part in PARTS:
            part_rows = rows[rows["part"] == part]
            files = -(-len(part_rows) // images_per_file)
            for k in range(files):
                shard = part_rows.iloc[k * images_per_file : (k + 1) * images_per_file]
                path = temporary / "data" / f"{part}-{k:05d}-of-{files:05d}.parquet"
                _write_shard(shard, sets, size, path, classes=classes, threads=threads)
        _write_card(card, temporary)


def _write_card(card: str | None, folder: Path) -> None:
    if card is not None:
        (folder / CARD).write_text(card, "utf-8")


def _write_shard(
    rows: pd.DataFrame, sets: Mapping[str, ImageSet], size: int, path: Path, *, classes: Sequence[str], threads: int
) -> None:
    pngs, schema = _pngs(rows, sets, size, threads=threads), parquet_schema(classes)
    index = {label: position for position, label in enumerate(classes)}
    with parquet.ParquetWriter(path, schema, compression="zstd") as writer:
        for batch in batched(range(len(rows)), _BATCH):
            chunk = rows.iloc[batch[0] : batch[-1] + 1]
            images = [{"bytes": next(pngs), "path": f"{name.rpartition('/')[2]}.png"} for name in chunk["image_id"]]
            labels = [index[label] for label in chunk["label"]]
            columns = {"image": images, "label": labels, **{name: chunk[name].tolist() for name in _TEXT_COLUMNS}}
            writer.write_table(arrow.table(columns, schema=schema))


def _pngs(rows: pd.DataFrame, sets: Mapping[str, ImageSet], size: int, *, threads: int) -> Iterator[bytes]:
    """PNG files of the rows at the working size, in their order."""
    with Meter("export", len(rows), "image") as meter:
        for batch in batched(range(len(rows)), _BATCH):
            pixels = read_images(rows.iloc[batch[0] : batch[-1] + 1], sets, size, threads=threads)
            for png in threaded_map(_png, pixels, threads=threads):
                yield png
                meter.advance()


def _png(image: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()
