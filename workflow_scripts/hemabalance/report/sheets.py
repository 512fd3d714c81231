"""Sheets of pictures that people look at: a contact sheet a source, and every copy beside its original."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.manifest_table import COPIES
from hemabalance.dataset.splits import draws
from hemabalance.report.style import save_figure
from hemabalance.taxonomy import CLASSES

_COLUMNS = 12
_PAIRS_A_ROW = 4
_CELL = 0.9  # inches
_SIDE = 128  # pixels; larger pictures are reduced, or the page would weigh hundreds of megabytes
_GAP = 3  # pixels between pictures
_FRAME = "#D55E00"


def contact_sheet(images: ImageSet, path: Path, *, seed: int) -> None:
    """Draw up to twelve images of each class, chosen by a hash of their id, with the count of all.

    Args:
        images: square images of one size, with labels.
        path: SVG to write.
        seed: of the choice.
    """
    index = images.index.assign(position=range(len(images)), draw=draws(images.index["image_id"], seed=seed))
    present = [label for label in CLASSES if (index["label"] == label).any()]
    figure = Figure(figsize=(_CELL * _COLUMNS + 1.8, _CELL * max(len(present), 1) + 0.5), layout="constrained")
    axes = figure.subplots(max(len(present), 1), 1, squeeze=False)[:, 0]
    for axis, label in zip(axes, present, strict=False):
        rows = index[index["label"] == label]
        chosen = rows.nsmallest(_COLUMNS, "draw")["position"]
        axis.imshow(strip([images.read(position) for position in chosen], _COLUMNS), interpolation="none")
        axis.set_ylabel(f"{label.replace('_', ' ')}\nn = {len(rows)}", rotation=0, ha="right", va="center")
    for axis in axes:
        bare(axis)
    save_figure(figure, path)


def copies_sheet(manifest: pd.DataFrame, sets: Sequence[ImageSet], path: Path) -> None:
    """Draw each image that was set aside as a copy (right) beside the one that stays (left), or with its conflict.

    Args:
        manifest: rows of all sources.
        sets: image sets that together hold the kept images and the copies.
        path: SVG to write.
    """
    where = {image_id: (held, at) for held in sets for at, image_id in enumerate(held.index["image_id"])}

    def picture(image_id: str) -> np.ndarray:
        held, at = where[image_id]
        return held.read(at)

    shown = [(title, [picture(image_id) for image_id in ids]) for title, ids in _groups(manifest)]
    rows = max(1, -(-len(shown) // _PAIRS_A_ROW))
    figure = Figure(figsize=(3.1 * _PAIRS_A_ROW, 2.1 * rows + 0.2), layout="constrained")
    axes = figure.subplots(rows, _PAIRS_A_ROW, squeeze=False).ravel()
    for axis, (title, pictures) in zip(axes, shown, strict=False):
        axis.imshow(strip(pictures, len(pictures)), interpolation="none")
        axis.set_title(title, fontsize=6, loc="left", parse_math=False)
    for axis in axes:
        bare(axis)
    if not shown:
        axes[0].set_title("no copies were found", loc="left")
    save_figure(figure, path)


def _groups(manifest: pd.DataFrame) -> list[tuple[str, list[str]]]:
    """What to draw together: original and copy, or all members of a conflict; near-duplicates first."""
    copies = manifest[manifest["status"].isin(COPIES)]
    groups: list[tuple[str, list[str]]] = []
    for status in ("near_duplicate", "conflict", "duplicate"):
        rows = copies[copies["status"] == status]
        if status == "conflict":
            for _, together in rows.fillna({"group_id": rows["image_id"]}).groupby("group_id"):
                named = "\n".join(f"{r.image_id}: {r.label}" for r in together.itertuples())
                groups.append((f"conflict\n{named}", together["image_id"].tolist()))
        else:
            for r in rows.itertuples():
                title = f"{status.replace('_', '-')}: {r.reason}\n{r.duplicate_of}\n{r.image_id}"
                groups.append((title, [r.duplicate_of, r.image_id]))
    return groups


def strip(pictures: Sequence[np.ndarray], places: int) -> np.ndarray:
    """Pictures side by side on white, uint8 (height, width, 3)."""
    side = pictures[0].shape[0]
    row = np.full((side, places * (side + _GAP) - _GAP, 3), 255, np.uint8)
    for place, picture in enumerate(pictures):
        row[:, place * (side + _GAP) : place * (side + _GAP) + side] = picture
    return row


def small(pictures: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Pictures of at most 128 pixels a side."""
    if not len(pictures) or pictures[0].shape[0] <= _SIDE:
        return list(pictures)
    return [np.asarray(Image.fromarray(one).resize((_SIDE, _SIDE), Image.Resampling.BOX)) for one in pictures]


def frame(axis: Axes, places: Iterable[int], size: int) -> None:
    """A frame around some pictures of a strip of `small` ones that were `size` pixels large."""
    side = min(size, _SIDE)
    for place in places:
        corner = place * (side + _GAP) - 1, -1
        edge = Rectangle(corner, side + 1, side + 1, fill=False, edgecolor=_FRAME, linewidth=1.8, clip_on=False)
        axis.add_patch(edge)


def headline(figure: Figure, words: str) -> None:
    """What a figure shows, above it on the left."""
    figure.suptitle(words, x=0.01, ha="left", fontsize=9, color="#55555f")


def heads(axis: Axes, words: Sequence[str]) -> None:
    """Words above the pictures of a strip."""
    for place, word in enumerate(words):
        axis.text((place + 0.5) / len(words), 1.03, word, transform=axis.transAxes, ha="center", fontsize=8)


def bare(axis) -> None:  # type: ignore[no-untyped-def]
    """An axis without ticks and frame."""
    axis.set_xticks([])
    axis.set_yticks([])
    for spine in axis.spines.values():
        spine.set_visible(False)
