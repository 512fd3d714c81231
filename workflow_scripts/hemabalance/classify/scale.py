"""The size of cells in a model's training images, and the share of the frame that gives other images this size."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import REAL
from hemabalance.classify.inputs import InputImage
from hemabalance.classify.model_schema import Frame
from hemabalance.errors import InputError
from hemabalance.metrics.cell_size import (
    METHODS,
    NAMES,
    SAMPLED,
    CellSize,
    CellSizes,
    Method,
    cell_diameters,
    cell_sizes,
)
from hemabalance.parallel import threaded_map
from hemabalance.sources.decode import UnreadableImage, decode

log = logging.getLogger(__name__)

_OPTION = "--field auto"
_REMEDY = "Give --field with a number, or --source"


@dataclass(frozen=True)
class EstimatedField:
    """The share of the frame with which cells have the size of the training images.

    Attributes:
        field: the share, in (0, 1].
        needed, low, high: the share without this limit, with the ends of the 95 % interval of the images' cell size.
        size: size of the images' cells as a share of the frame.
    """

    field: float
    needed: float
    low: float
    high: float
    size: CellSize


def training_cell_sizes(
    rows: pd.DataFrame, sizes: Mapping[str, CellSizes], fields: Mapping[str, float]
) -> dict[Method, float]:
    """The size of the cells in real training images, by each method that can be trusted in all of their sources.

    Args:
        rows: a balanced set (`balance.balanced_set.SCHEMA`).
        sizes: source -> size of the cells in its photographs, as shares of the frame.
        fields: source -> share of the frame that its images show.

    Returns:
        Method -> median diameter as a share of the image's side, the mean over the training images of all sources.
    """
    counts = rows.loc[(rows["part"] == "train") & (rows["image_set"] == REAL), "source"].value_counts()
    in_images: dict[Method, float] = {}
    for method in METHODS:
        if all(method in sizes[source].trusted for source in counts.index):
            medians = [sizes[source].of[method].median / fields[source] for source in counts.index]
            in_images[method] = round(float(np.average(medians, weights=counts)), 4)
    return in_images


def estimated_field(images: Sequence[InputImage], frame: Frame, *, threads: int) -> EstimatedField:
    """Estimate the scale of photographs together, by up to SAMPLED of them, evenly spaced.

    Args:
        images: photographs of one magnification; those that cannot be read are left out.
        frame: the frame of the model.
        threads: photographs that are measured at once.

    Raises:
        InputError: the model holds no size of cells, or none by a method that can be trusted on the photographs.
    """
    if not frame.cell_sizes:
        raise InputError(_OPTION, "the model does not hold the size of the cells in its training images", _REMEDY)
    places = np.linspace(0, len(images) - 1, min(len(images), SAMPLED)).round().astype(int)
    chosen = [images[place] for place in places]
    measured = threaded_map(lambda image: _diameters(image, frame), chosen, threads=threads)
    sizes = cell_sizes(found for found in measured if found is not None)
    for method, size in sizes.trusted.items():
        if (reference := frame.cell_sizes.get(method)) is not None:
            needed, low, high = (value / reference for value in (size.median, size.low, size.high))
            return EstimatedField(min(needed, 1.0), needed, low, high, size)
    unknown = "".join(f"; the model holds no size of {NAMES[method]}" for method in sizes.trusted)
    raise InputError(_OPTION, f"the scale cannot be estimated: {sizes.problem}{unknown}", _REMEDY)


def log_estimate(estimate: EstimatedField) -> None:
    """Log what was found and which share of the frame is used, and warn of a scale that no share of the frame gives."""
    log.info(
        "%s; %.2f (%.2f to %.2f) of the frame shows cells as large as in training",
        estimate.size.text,
        estimate.needed,
        estimate.low,
        estimate.high,
    )
    if estimate.needed > 1:
        log.warning("the whole frame is used: cells remain %.2f times as large as in training", estimate.needed)


def _diameters(image: InputImage, frame: Frame) -> dict[Method, np.ndarray] | None:
    try:
        pixels, _ = decode(image.read(), max_pixels=frame.max_pixels, min_side=frame.min_side)
    except UnreadableImage:
        return None
    return cell_diameters(pixels, fit=frame.fit)
