"""Turn the photographs of an archive into an image set at the working size."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
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


@dataclass(frozen=True)
class ImagePreparation:
    """Limits of the input, and geometry of the prepared images.

    Attributes:
        limits, pixels: limits of the archive and of one image, as for the inventory.
        size, fit, field: parameters of `dataset.geometry.fit_square`; recorded in the index of the image set.
    """

    limits: Limits
    pixels: PixelLimits
    size: int
    fit: Fit
    field: float


def prepare_images(
    archive_path: Path,
    manifest: pd.DataFrame,
    zip_path: Path,
    index_path: Path,
    preparation: ImagePreparation,
    *,
    threads: int,
) -> None:
    """Square and resample images of one source and write them as an image set.

    Args:
        archive_path: archive of the source; the manifest must have been built from it.
        manifest: rows of the images to write (`dataset.manifest_table.SCHEMA`).
        zip_path, index_path: image set to write.
        preparation: limits and geometry.
        threads: number of decoder threads.

    Raises:
        InputError: an image of the manifest is missing from the archive or has changed.
    """
    size, fit, field = preparation.size, preparation.fit, preparation.field
    pixels = preparation.pixels
    rows = manifest.sort_values("image_id", ignore_index=True)
    provenance = canonical_json({"size": size, "fit": fit, "field": field, "filter": "lanczos"})
    digests = dict(zip(rows["member"], rows["sha256"], strict=True))
    rows = rows[["image_id", "label", "source"]].assign(origin="real", provenance=provenance)

    def square(content: tuple[str, bytes]) -> np.ndarray:
        member, data = content
        if hashlib.sha256(data).hexdigest() != digests[member]:
            raise _changed(archive_path, member, "differs from the file that the manifest was built from")
        image, _ = decode(data, max_pixels=pixels.max_pixels, min_side=pixels.min_side)
        return fit_square(image, size=size, fit=fit, field=field)

    with open_archive(archive_path, preparation.limits) as archive:
        if missing := set(digests) - {member.name for member in archive.members}:
            more = f", like {len(missing) - 1} more of its {len(digests)} images" if len(missing) > 1 else ""
            raise _changed(archive_path, min(missing), f"is in the manifest and no longer in the archive{more}")
        squared = threaded_map(square, _in_order(archive, list(digests)), threads=threads)
        squared = progress(squared, total=len(digests), what="squaring images")
        write_image_set(zip_path, index_path, rows, squared, threads=threads)


def _changed(path: Path, member: str, problem: str) -> InputError:
    return InputError(f"{path}, member {member}", problem, "Run the workflow again from the inventory")


def _in_order(archive: Archive, members: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the members in the order of `members`; a tar is read in its own order, so early members are buffered."""
    early: dict[str, bytes] = {}
    names = iter(members)
    next_name = next(names, None)
    for name, data in archive.read(members):
        early[name] = data
        while next_name in early:
            yield next_name, early.pop(next_name)
            next_name = next(names, None)
