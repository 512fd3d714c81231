"""The image set: a zip of lossless PNGs and a Parquet index. Stages exchange images only in this format.

The zip is uncompressed (ZIP_STORED) with sorted names, fixed timestamps and no metadata: equal images give equal bytes,
any zip tool opens it, and versioning handles one file instead of thousands.
"""

import hashlib
import io
import threading
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType

import numpy as np
import pandas as pd
import pandera.pandas as pa
from PIL import Image

from hemabalance.dataset.tables import read_table, write_table
from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.parallel import threaded_map

ORIGINS = ("real", "synthetic")
_EPOCH = (1980, 1, 1, 0, 0, 0)
# Exceptions of zipfile on damaged headers: RuntimeError or a subclass if they seem to require a password or a later
# version of the format.
_ZIP_ERRORS = (OSError, zipfile.BadZipFile, RuntimeError)
_REBUILD = "Delete it and run the workflow again, which rebuilds it"

SCHEMA = pa.DataFrameSchema(
    {
        "image_id": pa.Column(str, unique=True),
        "file": pa.Column(str, unique=True),
        "label": pa.Column(str, nullable=True),
        "source": pa.Column(str),
        "origin": pa.Column(str, pa.Check.isin(ORIGINS)),
        "height": pa.Column("int32", pa.Check.ge(1)),
        "width": pa.Column("int32", pa.Check.ge(1)),
        "sha256": pa.Column(str, pa.Check.str_matches(r"^[0-9a-f]{64}$")),
        "provenance": pa.Column(str),
    },
    strict=True,
    ordered=True,
)


def write_image_set(
    zip_path: Path, index_path: Path, rows: pd.DataFrame, images: Iterable[np.ndarray], *, threads: int
) -> None:
    """Write images and their index; both files appear only when both are complete.

    Args:
        zip_path, index_path: files to write.
        rows: `image_id, label, source, origin, provenance` (JSON: origin of the pixels), sorted by `image_id`.
        images: RGB uint8 (height, width, 3) arrays in the order of the rows.
        threads: number of PNG encoder threads.

    Raises:
        InputError: the disk is full or the folder is not writable.
        ValueError: the rows are not sorted, or the numbers of images and rows differ.
    """
    if not rows["image_id"].is_monotonic_increasing:
        raise ValueError("rows of an image set must be sorted by image_id")
    index: list[dict[str, object]] = []
    with atomic_path(zip_path) as part:
        encoded = threaded_map(_encode, images, threads=threads)
        with zipfile.ZipFile(part, "w", zipfile.ZIP_STORED) as archive:
            for row, (png, shape) in zip(rows.itertuples(index=False), encoded, strict=True):
                name = f"{row.image_id}.png"
                archive.writestr(zipfile.ZipInfo(name, _EPOCH), png)
                digest = hashlib.sha256(png).hexdigest()
                index.append({"file": name, "height": shape[0], "width": shape[1], "sha256": digest})
        files = pd.DataFrame(index, columns=["file", "height", "width", "sha256"])
        files = files.astype({"file": "str", "height": "int32", "width": "int32", "sha256": "str"})
        table = pd.concat([rows.reset_index(drop=True), files], axis=1)[list(SCHEMA.columns)]
        write_table(SCHEMA.validate(table.astype({"origin": "str", "provenance": "str"})), index_path)


def png_sha256(image: np.ndarray) -> str:
    """Return the sha256 of an image, RGB uint8 (height, width, 3), as recorded in an index."""
    return hashlib.sha256(_encode(image)[0]).hexdigest()


def _encode(image: np.ndarray) -> tuple[bytes, tuple[int, ...]]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue(), image.shape


class ImageSet:
    """Read an image set by position, from any number of threads; a context manager.

    Raises:
        InputError: on opening, a file is missing or is not a zip or Parquet file; on reading, an image is missing,
            damaged, or differs from the index.
    """

    def __init__(self, zip_path: Path, index_path: Path) -> None:
        self.path = zip_path
        self.index = read_table(index_path, SCHEMA)
        try:
            self._zip = zipfile.ZipFile(zip_path)
        except _ZIP_ERRORS as error:
            raise InputError(zip_path, f"cannot be opened as an image set ({error})", _REBUILD) from error
        self._lock = threading.Lock()

    def __enter__(self) -> "ImageSet":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._zip.close()

    def __len__(self) -> int:
        return len(self.index)

    def read(self, position: int) -> np.ndarray:
        """Return the image at a position of the index, RGB uint8 (height, width, 3)."""
        row = self.index.iloc[position]
        return self._decode(row["file"], (int(row["height"]), int(row["width"]), 3))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.read(position) for position in range(len(self)))

    def decode_all(self, *, threads: int, where: np.ndarray | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """Decode images into one uint8 array (n, height, width, 3); all images of the set must have one shape.

        Args:
            threads: number of decoder threads.
            where: bool mask (len(self),) or int positions, in output order; default all images.
            out: array to fill, for example a memory map, instead of a new array.

        Raises:
            InputError: the images have several sizes; an image is missing, damaged, or differs from the index.
        """
        shapes = self.index[["height", "width"]].drop_duplicates()
        if len(shapes) > 1:
            raise InputError(self.path, f"contains images of {len(shapes)} sizes, one is required", _REBUILD)
        height, width = shapes.iloc[0] if len(shapes) else (0, 0)
        files = self.index["file"].to_numpy()
        files = (files if where is None else files[where]).tolist()
        shape = (len(files), int(height), int(width), 3)
        array = np.empty(shape, np.uint8) if out is None else out

        def fill(position: int) -> None:
            array[position] = self._decode(files[position], shape[1:])

        for _ in threaded_map(fill, range(len(files)), threads=threads):
            pass
        return array

    def verify(self, *, threads: int) -> None:
        """Compare the sha256 of every member with the index.

        Raises:
            InputError: names the first member that is missing, not in the index, or different.
        """
        names, files = set(self._zip.namelist()), self.index["file"].tolist()
        for problem, members in (("lacks", set(files) - names), ("has no index row for", names - set(files))):
            if members:
                raise InputError(self.path, f"{problem} {min(members)} ({len(members)} in total)", _REBUILD)
        digests = threaded_map(lambda name: hashlib.sha256(self._read_member(name)).hexdigest(), files, threads=threads)
        for name, expected, digest in zip(files, self.index["sha256"], digests, strict=True):
            if digest != expected:
                raise InputError(f"{self.path}, member {name}", "differs from its sha256 in the index", _REBUILD)

    def _read_member(self, name: str) -> bytes:
        try:
            with self._lock:
                return self._zip.read(name)
        except (*_ZIP_ERRORS, KeyError, EOFError) as error:
            raise InputError(
                f"{self.path}, member {name}", f"cannot be read ({str(error) or 'it ends early'})", _REBUILD
            ) from error

    def _decode(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            image = np.asarray(Image.open(io.BytesIO(self._read_member(name)), formats=("PNG",)))
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{self.path}, member {name}", f"is not a readable PNG ({error})", _REBUILD) from error
        if image.shape != tuple(shape):
            raise InputError(
                f"{self.path}, member {name}", f"has the shape {image.shape}, the index says {shape}", _REBUILD
            )
        return image


def open_image_sets(zips: Iterable[str], indexes: Iterable[str], stack: ExitStack) -> list[ImageSet]:
    """Open image sets that `stack` will close; raises like `ImageSet`."""
    paths = zip(zips, indexes, strict=True)
    return [stack.enter_context(ImageSet(Path(zip_path), Path(index_path))) for zip_path, index_path in paths]


@contextmanager
def open_sets(names: Sequence[str], zips: Sequence[str], indexes: Sequence[str]) -> Iterator[dict[str, ImageSet]]:
    """Open image sets and yield them by name; close them at the end of the block.

    Args:
        names: names of the sets.
        zips, indexes: paths of their files, in the same order.

    Raises:
        InputError: see `ImageSet`.
    """
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(ImageSet(Path(zip_path), Path(index_path)))
            for name, zip_path, index_path in zip(names, zips, indexes, strict=True)
        }
