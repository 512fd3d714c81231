"""The size of cells in a sample of a source's photographs, at their full resolution and without labels."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from hemabalance.dataset.geometry import Fit
from hemabalance.dataset.splits import draws
from hemabalance.errors import InputError
from hemabalance.metrics.cell_size import SAMPLED, CellSizes, Method, cell_diameters, cell_sizes, measured_square
from hemabalance.parallel import threaded_map
from hemabalance.sources.archives import Limits, open_archive
from hemabalance.sources.decode import PixelLimits, decode

SHOWN = 8
"""Of the photographs that are measured, those whose red cells are drawn."""


@dataclass(frozen=True)
class Measured:
    """The size of the cells of a source, and photographs to see in what was measured.

    Attributes:
        sizes: size of the cells, as shares of the frame's side.
        examples: of SHOWN photographs, in the order of the draw, the square in which cells are measured, RGB uint8
            (256, 256, 3), and its share of the frame's side.
    """

    sizes: CellSizes
    examples: list[tuple[np.ndarray, float]]


def measure_source(
    archive_path: Path,
    manifest: pd.DataFrame,
    *,
    limits: Limits,
    pixels: PixelLimits,
    fit: Fit,
    seed: int,
    threads: int,
) -> Measured:
    """The size of the cells in up to SAMPLED of the kept photographs of a source.

    Args:
        archive_path: archive of the source; the manifest must have been built from it.
        manifest: rows of the source (`dataset.manifest_table.SCHEMA`).
        limits, pixels: limits of the archive and of one image, as for the inventory.
        fit: the side of the frame of which diameters are shares, see `geometry.fit_square`.
        seed: seed of the choice of photographs, by a hash of their ids.
        threads: photographs that are measured at once.

    Raises:
        InputError: a photograph is missing from the archive or has changed.
    """
    kept = manifest[manifest["status"] == "kept"].reset_index(drop=True)
    chosen = kept.loc[pd.Series(draws(kept["image_id"], seed=seed)).nsmallest(SAMPLED).index]
    digests = dict(zip(chosen["member"], chosen["sha256"], strict=True))
    examples: dict[str, tuple[np.ndarray, float] | None] = dict.fromkeys(chosen["member"].head(SHOWN))

    def diameters(content: tuple[str, bytes]) -> dict[Method, np.ndarray]:
        member, data = content
        if hashlib.sha256(data).hexdigest() != digests[member]:
            raise _changed(archive_path, member)
        image, _ = decode(data, max_pixels=pixels.max_pixels, min_side=pixels.min_side)
        if member in examples:
            examples[member] = measured_square(image, fit=fit)
        return cell_diameters(image, fit=fit)

    with open_archive(archive_path, limits) as archive:
        if missing := set(digests) - {member.name for member in archive.members}:
            raise _changed(archive_path, min(missing))
        sizes = cell_sizes(threaded_map(diameters, archive.read(sorted(digests)), threads=threads))
    return Measured(sizes, [example for example in examples.values() if example is not None])


def _changed(archive: Path, member: str) -> InputError:
    problem = "is missing or differs from the file that the manifest was built from"
    return InputError(f"{archive}, member {member}", problem, "Run the workflow again from the inventory")
