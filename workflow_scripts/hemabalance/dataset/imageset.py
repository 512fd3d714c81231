"""The image set: one zip of lossless PNGs beside a Parquet index. Images travel between stages in this form only.

ZIP_STORED, sorted names, fixed timestamps, no metadata: the same images give the same bytes, a person can open
it, and versioning handles one file instead of thousands.
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
# What zipfile raises at damaged headers: RuntimeError, or a subclass of it, where they seem to ask for a
# password or a later version of the format.
_NO_ZIP = (OSError, zipfile.BadZipFile, RuntimeError)
_REMAKE = "Delete it and run the workflow again: it will be made anew"

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
    """Write images and their index; neither file appears unless both are complete.

    Args:
        zip_path, index_path: what to write.
        rows: `image_id, label, source, origin, provenance` (JSON: how the pixels were made), sorted by `image_id`.
        images: RGB uint8 (height, width, 3) arrays in the order of the rows.
        threads: PNG encoders at once.

    Raises:
        InputError: disk full or folder not writable.
        ValueError: rows unsorted, or another number of images than rows.
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
        made = pd.DataFrame(index, columns=["file", "height", "width", "sha256"])
        made = made.astype({"file": "str", "height": "int32", "width": "int32", "sha256": "str"})
        table = pd.concat([rows.reset_index(drop=True), made], axis=1)[list(SCHEMA.columns)]
        write_table(SCHEMA.validate(table.astype({"origin": "str", "provenance": "str"})), index_path)


def png_sha256(image: np.ndarray) -> str:
    """The sha256 that an image, RGB uint8 (height, width, 3), has in an index."""
    return hashlib.sha256(_encode(image)[0]).hexdigest()


def _encode(image: np.ndarray) -> tuple[bytes, tuple[int, ...]]:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue(), image.shape


class ImageSet:
    """Reads an image set by position, from any number of threads; use as a context manager.

    Raises:
        InputError: on opening, a file is missing, is no zip or no Parquet; on reading, an image is missing,
            damaged, or differs from the index.
    """

    def __init__(self, zip_path: Path, index_path: Path) -> None:
        self.path = zip_path
        self.index = read_table(index_path, SCHEMA)
        try:
            self._zip = zipfile.ZipFile(zip_path)
        except _NO_ZIP as error:
            raise InputError(zip_path, f"cannot be opened as an image set ({error})", _REMAKE) from error
        self._lock = threading.Lock()

    def __enter__(self) -> "ImageSet":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self._zip.close()

    def __len__(self) -> int:
        return len(self.index)

    def read(self, position: int) -> np.ndarray:
        """The image at a position of the index, RGB uint8 (height, width, 3)."""
        row = self.index.iloc[position]
        return self._decoded(row["file"], (int(row["height"]), int(row["width"]), 3))

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self.read(position) for position in range(len(self)))

    def decode_all(self, *, threads: int, where: np.ndarray | None = None, out: np.ndarray | None = None) -> np.ndarray:
        """Images in one uint8 array (n, height, width, 3); all images of the set must share one shape.

        Args:
            threads: decoders at once.
            where: bool (len(self),) or positions, which images and in what order; all if not given.
            out: an array to fill (a memory map, say) instead of a new one.
        """
        shapes = self.index[["height", "width"]].drop_duplicates()
        if len(shapes) > 1:
            raise InputError(self.path, f"holds images of {len(shapes)} sizes where one is needed", _REMAKE)
        height, width = shapes.iloc[0] if len(shapes) else (0, 0)
        files = self.index["file"].to_numpy()
        files = (files if where is None else files[where]).tolist()
        shape = (len(files), int(height), int(width), 3)
        array = np.empty(shape, np.uint8) if out is None else out

        def fill(position: int) -> None:
            array[position] = self._decoded(files[position], shape[1:])

        for _ in threaded_map(fill, range(len(files)), threads=threads):
            pass
        return array

    def verify(self, *, threads: int) -> None:
        """Hash every member against the index.

        Raises:
            InputError: naming the first member that is missing, left over, or differs.
        """
        names, files = set(self._zip.namelist()), self.index["file"].tolist()
        for kind, odd in (("lacks", set(files) - names), ("has no index row for", names - set(files))):
            if odd:
                raise InputError(self.path, f"{kind} {min(odd)} ({len(odd)} such)", _REMAKE)
        digests = threaded_map(lambda name: hashlib.sha256(self._bytes(name)).hexdigest(), files, threads=threads)
        for name, expected, found in zip(files, self.index["sha256"], digests, strict=True):
            if found != expected:
                raise InputError(f"{self.path}, member {name}", "differs from its sha256 in the index", _REMAKE)

    def _bytes(self, name: str) -> bytes:
        try:
            with self._lock:
                return self._zip.read(name)
        except (*_NO_ZIP, KeyError, EOFError) as error:
            raise InputError(
                f"{self.path}, member {name}", f"cannot be read ({str(error) or 'it ends early'})", _REMAKE
            ) from error

    def _decoded(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        try:
            image = np.asarray(Image.open(io.BytesIO(self._bytes(name)), formats=("PNG",)))
        except (OSError, SyntaxError, ValueError) as error:
            raise InputError(f"{self.path}, member {name}", f"is no PNG that can be read ({error})", _REMAKE) from error
        if image.shape != tuple(shape):
            raise InputError(f"{self.path}, member {name}", f"has the shape {image.shape}, the index {shape}", _REMAKE)
        return image


def open_image_sets(zips: Iterable[str], indexes: Iterable[str], stack: ExitStack) -> list[ImageSet]:
    """Image sets by their files, open for as long as `stack`; errors as `ImageSet`."""
    pairs = zip(zips, indexes, strict=True)
    return [stack.enter_context(ImageSet(Path(zipped), Path(index))) for zipped, index in pairs]


@contextmanager
def open_sets(names: Sequence[str], zips: Sequence[str], indexes: Sequence[str]) -> Iterator[dict[str, ImageSet]]:
    """Image sets by name, open within.

    Args:
        names: of the sets.
        zips, indexes: their files, in the same order.

    Raises:
        InputError: as `ImageSet`.
    """
    with ExitStack() as stack:
        yield {
            name: stack.enter_context(ImageSet(Path(images), Path(index)))
            for name, images, index in zip(names, zips, indexes, strict=True)
        }
