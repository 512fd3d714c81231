"""From an archive's photographs to an image set at the working size."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.geometry import Fit, fit_square
from hemabalance.dataset.imageset import write_image_set
from hemabalance.errors import InputError
from hemabalance.files import canonical_json
from hemabalance.parallel import threaded_map
from hemabalance.progress import progress
from hemabalance.sources.archives import Archive, Limits, open_archive
from hemabalance.sources.decode import PixelLimits, decode


def prepare_images(
    archive_path: Path,
    manifest: pd.DataFrame,
    zip_path: Path,
    index_path: Path,
    *,
    limits: Limits,
    pixels: PixelLimits,
    size: int,
    fit: Fit,
    field: float,
    threads: int,
) -> None:
    """Write images of one source, squared and resampled, as an image set.

    Args:
        archive_path: the source's archive, the same that the manifest was made from.
        manifest: the rows to write (`dataset.manifest_table.SCHEMA`).
        zip_path, index_path: the image set to write.
        limits, pixels: as for the inventory.
        size, fit, field: see `dataset.geometry.fit_square`; recorded in the index.
        threads: decoders at once.

    Raises:
        InputError: the archive no longer holds what the manifest says.
    """
    rows = manifest.sort_values("image_id", ignore_index=True)
    how = canonical_json({"size": size, "fit": fit, "field": field, "filter": "lanczos"})
    digests = dict(zip(rows["member"], rows["sha256"], strict=True))
    rows = rows[["image_id", "label", "source"]].assign(origin="real", provenance=how)

    def square(given: tuple[str, bytes]) -> np.ndarray:
        member, data = given
        if hashlib.sha256(data).hexdigest() != digests[member]:
            raise _changed(archive_path, member)
        image, _ = decode(data, max_pixels=pixels.max_pixels, min_side=pixels.min_side)
        return fit_square(image, size=size, fit=fit, field=field)

    with open_archive(archive_path, limits) as archive:
        if gone := set(digests) - {member.name for member in archive.members}:
            raise _changed(archive_path, min(gone))
        squared = threaded_map(square, _in_order(archive, list(digests)), threads=threads)
        shown = progress(squared, total=len(digests), what="squaring images")
        write_image_set(zip_path, index_path, rows, shown, threads=threads)


def _changed(path: Path, member: str) -> InputError:
    return InputError(
        f"{path}, member {member}",
        "is not what the manifest was made from",
        "Run the workflow again from the inventory",
    )


def _in_order(archive: Archive, members: list[str]) -> Iterator[tuple[str, bytes]]:
    """The members in the order asked for; a tar yields in its own order, so what comes early waits."""
    early: dict[str, bytes] = {}
    wanted = iter(members)
    want = next(wanted, None)
    for name, data in archive.read(members):
        early[name] = data
        while want in early:
            yield want, early.pop(want)
            want = next(wanted, None)
