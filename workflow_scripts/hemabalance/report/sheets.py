"""Image sheets: a contact sheet for each source, and each copy beside its original."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.patches import Rectangle
from PIL import Image

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.manifest_table import COPIES
from hemabalance.dataset.splits import draws
from hemabalance.report.embed import GAP
from hemabalance.report.style import save_figure

_COLUMNS = 12
_PAIRS_A_ROW = 4
_CELL = 0.9  # inches
_SIDE = 128  # pixels; larger images are reduced, else the page would have hundreds of megabytes
_FRAME = "#D55E00"


def contact_sheet(images: ImageSet, path: Path, *, seed: int) -> None:
    """Draw up to twelve images of each class, chosen by a hash of the image id, with the number of all images.

    Args:
        images: square images of one size, with labels.
        path: SVG to write.
        seed: seed of the choice.
    """
    index = images.index.assign(position=range(len(images)), draw=draws(images.index["image_id"], seed=seed))
    present = sorted(index["label"].unique())
    figure = Figure(figsize=(_CELL * _COLUMNS + 1.8, _CELL * max(len(present), 1) + 0.5), layout="constrained")
    axes = figure.subplots(max(len(present), 1), 1, squeeze=False)[:, 0]
    for axis, label in zip(axes, present, strict=False):
        rows = index[index["label"] == label]
        chosen = rows.nsmallest(_COLUMNS, "draw")["position"]
        axis.imshow(image_strip([images.read(position) for position in chosen], _COLUMNS), interpolation="none")
        axis.set_ylabel(f"{label.replace('_', ' ')}\nn = {len(rows)}", rotation=0, ha="right", va="center")
    for axis in axes:
        hide_axes(axis)
    save_figure(figure, path)


def copies_sheet(manifest: pd.DataFrame, sets: Sequence[ImageSet], path: Path) -> None:
    """Draw each image that was set aside as a copy (right) beside the image that is kept (left); conflicts together.

    Args:
        manifest: rows of all sources.
        sets: image sets that together contain the kept images and the copies.
        path: SVG to write.
    """
    location = {
        image_id: (image_set, position)
        for image_set in sets
        for position, image_id in enumerate(image_set.index["image_id"])
    }

    def tile(image_id: str) -> np.ndarray:
        image_set, position = location[image_id]
        return image_set.read(position)

    groups = [(title, [tile(image_id) for image_id in ids]) for title, ids in _groups(manifest)]
    rows = max(1, -(-len(groups) // _PAIRS_A_ROW))
    figure = Figure(figsize=(3.1 * _PAIRS_A_ROW, 2.1 * rows + 0.2), layout="constrained")
    axes = figure.subplots(rows, _PAIRS_A_ROW, squeeze=False).ravel()
    for axis, (title, tiles) in zip(axes, groups, strict=False):
        axis.imshow(image_strip(tiles, len(tiles)), interpolation="none")
        axis.set_title(title, fontsize=6, loc="left", parse_math=False)
    for axis in axes:
        hide_axes(axis)
    if not groups:
        axes[0].set_title("no copies were found", loc="left")
    save_figure(figure, path)


def _groups(manifest: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """Title and image ids of each group: original and copy, or all members of a conflict; near-duplicates first."""
    copies = manifest[manifest["status"].isin(COPIES)]
    groups: list[tuple[str, list[str]]] = []
    for status in ("near_duplicate", "conflict", "duplicate"):
        rows = copies[copies["status"] == status]
        if status == "conflict":
            for _, conflict in rows.fillna({"group_id": rows["image_id"]}).groupby("group_id"):
                names = "\n".join(f"{copy.image_id}: {copy.label}" for copy in conflict.itertuples())
                groups.append((f"conflict\n{names}", conflict["image_id"].tolist()))
        else:
            for copy in rows.itertuples():
                title = f"{status.replace('_', '-')}: {copy.reason}\n{copy.duplicate_of}\n{copy.image_id}"
                groups.append((title, [copy.duplicate_of, copy.image_id]))
    return groups


def image_strip(tiles: Sequence[np.ndarray], places: int) -> np.ndarray:
    """Images side by side on white, uint8 (height, width, 3), with room for `places` images."""
    side = tiles[0].shape[0]
    row = np.full((side, places * (side + GAP) - GAP, 3), 255, np.uint8)
    for place, tile in enumerate(tiles):
        row[:, place * (side + GAP) : place * (side + GAP) + side] = tile
    return row


def thumbnails(tiles: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Images reduced to at most 128 pixels a side."""
    if not len(tiles) or tiles[0].shape[0] <= _SIDE:
        return list(tiles)
    return [np.asarray(Image.fromarray(tile).resize((_SIDE, _SIDE), Image.Resampling.BOX)) for tile in tiles]


def strip_rows(rows: int, columns: int, cell: float, *, below: float = 0) -> tuple[Figure, np.ndarray]:
    """A figure of strips one below the other, and their axes (rows,), at least one.

    Args:
        rows: number of strips.
        columns: images that a strip has room for.
        cell: side of an image in inches.
        below: height in inches of the text under each strip.
    """
    layout = ConstrainedLayoutEngine(h_pad=0.015, hspace=0)
    figure = Figure(figsize=(cell * columns + 1.6, (cell + below) * max(rows, 1) + 0.5), layout=layout)
    axes: np.ndarray = figure.subplots(max(rows, 1), 1, squeeze=False)[:, 0]
    for axis in axes:
        hide_axes(axis)
    return figure, axes


def draw_strip(axis: Axes, images: Sequence[np.ndarray], text: str, places: int, *, bold: bool = False) -> None:
    """Draw images side by side with room for `places` images and a text on the left, or "none" without images."""
    axis.set_ylabel(text, rotation=0, ha="right", va="center", fontweight="bold" if bold else "normal", fontsize=8)
    if len(images):
        axis.imshow(image_strip(thumbnails(images), places), interpolation="none")
    else:
        axis.text(0, 0.5, "none", transform=axis.transAxes, va="center", color="#777777")


def draw_frames(axis: Axes, places: Iterable[int], size: int) -> None:
    """Frame the images at these places of a strip of `thumbnails` images; `size` is their original side in pixels."""
    side = min(size, _SIDE)
    for place in places:
        corner = place * (side + GAP) - 1, -1
        rectangle = Rectangle(corner, side + 1, side + 1, fill=False, edgecolor=_FRAME, linewidth=1.8, clip_on=False)
        axis.add_patch(rectangle)


def figure_heading(figure: Figure, text: str) -> None:
    """Put a heading above a figure, on the left."""
    figure.suptitle(text, x=0.01, ha="left", fontsize=9, color="#55555f")


def strip_headings(axis: Axes, headings: Sequence[str]) -> None:
    """Put headings above the images of a strip."""
    for place, heading in enumerate(headings):
        axis.text((place + 0.5) / len(headings), 1.03, heading, transform=axis.transAxes, ha="center", fontsize=8)


def hide_axes(axis) -> None:  # type: ignore[no-untyped-def]
    """Remove ticks and frame of an axis."""
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
