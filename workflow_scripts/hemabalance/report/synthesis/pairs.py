"""Generated images beside the nearest real training image, and the same for real images as yardstick."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.poses import poses
from hemabalance.report.sheets import bare, frame, headline, small, strip
from hemabalance.report.style import save_figure
from hemabalance.synthesis.data import real_images
from hemabalance.taxonomy import CLASSES

_PAIRS = 6
_CELL = 0.85  # inches
_WORDS = {"generated": "generated", "held_back": "real, held back"}


def pairs_figure(made: ImageSet, held: ImageSet, neighbours: pd.DataFrame, path: Path, *, of: str) -> None:
    """Draw, for each class, the six images that come closest to a training image beside it, with the distance.

    Each image is shown in the pose in which it is nearest; copies are framed.

    Args:
        made: all draws of a generator.
        held: the normalised real images.
        neighbours: `label, kind` (`generated` or `held_back`)`, image_id, nearest_id, pose` (of the image)`,
            distance, copy`.
        path: SVG to write.
        of: generator and normaliser, for the heading.
    """
    size = int(made.index["height"].iloc[0])
    classes = [label for label in CLASSES if (neighbours["label"] == label).any()]
    lines = [(label, kind) for label in classes for kind in _WORDS]
    width, height = _CELL * 2.25 * _PAIRS + 1.6, (_CELL + 0.2) * max(len(lines), 1) + 0.5
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(max(len(lines), 1), _PAIRS, squeeze=False)
    for axis in axes.flat:
        bare(axis)
    for line, (label, kind) in zip(axes, lines, strict=False):
        rows = neighbours[(neighbours["label"] == label) & (neighbours["kind"] == kind)]
        closest = rows.sort_values(["distance", "image_id"]).head(_PAIRS)
        words = f"{label.replace('_', ' ')}\n{_WORDS[kind]}\nn = {len(rows)}"
        line[0].set_ylabel(words, rotation=0, ha="right", va="center", fontsize=8)
        left = _pictures(made if kind == "generated" else held, closest["image_id"], label, size)
        right = _pictures(held, closest["nearest_id"], label, size)
        for axis, one, other, row in zip(line, left, right, closest.itertuples(), strict=False):
            _pair(axis, poses(one[None])[row.pose, 0], other, row.distance, copy=bool(row.copy))
        if rows.empty:
            line[0].text(0, 0.5, "no such image", transform=line[0].transAxes, va="center", color="#777777")
    headline(figure, f"{of}: left of each pair the image, right the training image nearest to it, with their LPIPS")
    save_figure(figure, path)


def _pictures(images: ImageSet, image_ids: pd.Series, label: str, size: int) -> np.ndarray:
    return real_images(images, pd.DataFrame({"image_id": image_ids, "label": label}), size, threads=1).pixels


def _pair(axis: Axes, one: np.ndarray, other: np.ndarray, distance: float, *, copy: bool) -> None:
    axis.imshow(strip(small([one, other]), 2), interpolation="none")
    axis.set_title(f"{distance:.3f}" + (" copy" if copy else ""), fontsize=7.5, pad=4.5)
    if copy:
        frame(axis, range(2), len(one))
