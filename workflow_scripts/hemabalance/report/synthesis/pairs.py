"""Figure of generated images beside their nearest real training image, with held-back real images for reference."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.poses import poses
from hemabalance.report.sheets import draw_frames, figure_heading, hide_axes, image_strip, thumbnails
from hemabalance.report.style import save_figure
from hemabalance.report.synthesis.generator_results import NO_CLASS
from hemabalance.synthesis.data import real_images

_PAIRS = 6
_CELL = 0.85  # inches
_KIND_NAMES = {"generated": "generated", "held_back": "real, held back"}


def pairs_figure(
    generated_images: ImageSet, reference_images: ImageSet, neighbours: pd.DataFrame, path: Path, *, heading: str
) -> None:
    """Draw the six images of each class with the smallest distance to a training image, beside this training image.

    Each image is shown in the pose with the smallest distance; copies are framed.

    Args:
        generated_images: all draws of a generator.
        held_images: normalised real images.
        neighbours: columns `label, kind` (`generated` or `held_back`)`, image_id, nearest_id, pose` (of the image)`,
            distance, copy`.
        path: SVG to write.
        heading: generator and normaliser.
    """
    classes = sorted(set(neighbours["label"]))
    size = int(generated_images.index["height"].iloc[0]) if classes else 0
    figure_rows = [(label, kind) for label in classes for kind in _KIND_NAMES]
    width, height = _CELL * 2.25 * _PAIRS + 1.6, (_CELL + 0.2) * max(len(figure_rows), 1) + 0.5
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(max(len(figure_rows), 1), _PAIRS, squeeze=False)
    for axis in axes.flat:
        hide_axes(axis)
    for row_axes, (label, kind) in zip(axes, figure_rows, strict=False):
        rows = neighbours[(neighbours["label"] == label) & (neighbours["kind"] == kind)]
        closest = rows.sort_values(["distance", "image_id"]).head(_PAIRS)
        text = f"{label.replace('_', ' ')}\n{_KIND_NAMES[kind]}\nn = {len(rows)}"
        row_axes[0].set_ylabel(text, rotation=0, ha="right", va="center", fontsize=8)
        images = _load_images(
            generated_images if kind == "generated" else reference_images, closest["image_id"], label, size
        )
        neighbours_shown = _load_images(reference_images, closest["nearest_id"], label, size)
        for axis, image, neighbour, row in zip(row_axes, images, neighbours_shown, closest.itertuples(), strict=False):
            _draw_pair(axis, poses(image[None])[row.pose, 0], neighbour, row.distance, copy=bool(row.copy))
        if rows.empty:
            row_axes[0].text(0, 0.5, "no such image", transform=row_axes[0].transAxes, va="center", color="#777777")
    if not classes:
        axes[0, 0].text(0, 0.5, NO_CLASS, transform=axes[0, 0].transAxes, va="center")
    figure_heading(figure, f"{heading}: each image (left) beside its nearest training image (right), with their LPIPS")
    save_figure(figure, path)


def _load_images(image_set: ImageSet, image_ids: pd.Series, label: str, size: int) -> np.ndarray:
    return real_images(image_set, pd.DataFrame({"image_id": image_ids, "label": label}), size, threads=1).pixels


def _draw_pair(axis: Axes, image: np.ndarray, neighbour: np.ndarray, distance: float, *, copy: bool) -> None:
    axis.imshow(image_strip(thumbnails([image, neighbour]), 2), interpolation="none")
    axis.set_title(f"{distance:.3f}" + (" copy" if copy else ""), fontsize=7.5, pad=4.5)
    if copy:
        draw_frames(axis, range(2), len(image))
