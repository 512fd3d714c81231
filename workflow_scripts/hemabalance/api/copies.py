"""Find images that are copies of one photograph."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path

import numpy as np
import pandas as pd
from pydantic import ValidationError

from hemabalance.api.images import LIMITS
from hemabalance.api.options import cores, require_at_least
from hemabalance.config.data import DuplicatesConfig, PixelConfig
from hemabalance.config.sources import LabelsConfig
from hemabalance.dataset import dedup
from hemabalance.dataset.class_map import ClassMap
from hemabalance.dataset.perceptual_hash import thumbs_of
from hemabalance.errors import InputError
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.formats import READABLE
from hemabalance.sources.inventory import take_inventory
from hemabalance.sources.labels import LabelRules

Place = str | PathLike[str]

COLUMNS = ["group", "path", "keep", "similarity", "reason", "rotated", "mirrored"]
"""Columns of a table of copies, see `find_copies`."""

_PIXELS = PixelLimits(max_pixels=PixelConfig().max_pixels, min_side=1, hash="where_needed")


def find_copies(
    folders: Place | Sequence[Place], *, min_similarity: float | None = None, threads: int | None = None
) -> pd.DataFrame:
    """Find copies of photographs within and across folders, as the workflow does.

    Copies are files of equal bytes, images of equal pixels, and recompressed, shifted (by up to an eighth of the frame)
    or rescaled (by up to 6 %) copies, mirrored or rotated by quarter turns or not. Different cells that look alike are
    none.

    ```
    table = find_copies("images/")
    table.loc[~table["keep"], "path"]  # all copies but one of each photograph
    ```

    Args:
        folders: folder, zip or tar of images, or several of them, among which copies are searched together.
        min_similarity: least `similarity` of two copies in different pixels, over 0.85 and up to 1; None: 0.92, the
            default of the workflow.
        threads: number of threads; None: all cores.

    Returns:
        One row an image that has copies, sorted by group and path: `group`, number of the photograph, from 0; `path`;
        `keep`, True for one image of each group, that with the most pixels, then the most bytes; `similarity` in
        [0.85, 1], the best correlation with another copy after alignment, 1 for an image that equals the kept one;
        `reason`: `same bytes`, `same pixels` or `same photograph` as the kept image, which has an empty reason;
        `rotated` and `mirrored`: the kept image rotated anticlockwise by so many degrees (0, 90, 180, 270), then
        mirrored left to right or not, looks like this image. Without copies there is no row. Files that cannot be read
        as images are named in the log.

    Raises:
        InputError: a folder is missing, refused (see `sources.archives`) or holds no image, a number is out of range,
            or too many images look alike.
    """
    return search_copies(folders, min_similarity=min_similarity, threads=threads).table[COLUMNS]


@dataclass(frozen=True)
class CopySearch:
    """The result of a search.

    Attributes:
        table: that of `find_copies`, and `place`, the folder or archive of each image, and `member`, its name in it.
        images: number of images that were compared.
    """

    table: pd.DataFrame
    images: int


def search_copies(
    folders: Place | Sequence[Place], *, min_similarity: float | None = None, threads: int | None = None
) -> CopySearch:
    """Find copies and say how many images were compared; arguments and errors as those of `find_copies`."""
    require_at_least(1, threads=threads)
    duplicates = _duplicates(min_similarity)
    threads = cores() if threads is None else threads
    given = [folders] if isinstance(folders, str | PathLike) else folders
    places = list(dict.fromkeys(Path(place) for place in given))
    if not places:
        raise InputError("folders", "there are none", f"Give folders, zips or tars with {READABLE} files")
    images = pd.concat(
        [_images_in(place, f"{number:06}", threads) for number, place in enumerate(places)], ignore_index=True
    )
    thumbs = thumbs_of(images["thumb"])
    found = dedup.find_copies(images, thumbs, **duplicates.plain, threads=threads)
    return CopySearch(_table(images, found), len(images))


def _duplicates(min_similarity: float | None) -> DuplicatesConfig:
    try:
        return DuplicatesConfig() if min_similarity is None else DuplicatesConfig(min_correlation=min_similarity)
    except ValidationError as error:
        problem = f"is no possible least similarity ({error.errors()[0]['msg']})"
        raise InputError(f"min_similarity={min_similarity}", problem, "Give a number over 0.85, up to 1") from error


def _images_in(place: Path, name: str, threads: int) -> pd.DataFrame:
    """The readable images of a folder: rows of its inventory, with `path` and `place`."""
    no_labels = LabelRules(name, LabelsConfig(unlabelled=True), ClassMap({}, unlabelled=True))
    rows, _ = take_inventory(place, no_labels, None, limits=LIMITS, pixels=_PIXELS, threads=threads)
    images = rows[rows["content"] == "image"]
    if images.empty:
        problem = f"holds no image among its {len(rows)} files"
        raise InputError(place, problem, f"Give a folder, zip or tar with {READABLE} files")
    return images.assign(path=[str(place / member) for member in images["member"]], place=str(place))


def _table(images: pd.DataFrame, found: dedup.DuplicateGroups) -> pd.DataFrame:
    keep = found.keeper == np.arange(len(images))
    digest = images["sha256"].to_numpy()
    same = np.where(digest == digest[found.keeper], "same bytes", "same pixels")
    reason = np.where(keep, "", np.where(found.identical, same, "same photograph"))
    columns = {"path": images["path"].to_numpy(), "keep": keep, "similarity": found.score, "reason": reason}
    # A pose is a rotation and perhaps a reflection, see `metrics.poses.posed`.
    columns |= {"rotated": found.pose % 4 * 90, "mirrored": found.pose >= 4}
    columns |= {name: images[name].to_numpy() for name in ("place", "member")}
    table = pd.DataFrame(columns)
    first = table["path"].groupby(found.group).transform("min")
    copied = first.groupby(first).transform("size") > 1
    table = table.assign(first=first)[copied].sort_values(["first", "path"], ignore_index=True)
    table.insert(0, "group", pd.factorize(table.pop("first"))[0])
    return table
