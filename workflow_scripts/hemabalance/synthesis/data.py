"""The real images that generators, gates and measurements see, at the working size."""

import logging
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import require_visible, visible
from hemabalance.dataset.working_size import read_reduced
from hemabalance.protocols import Protocol
from hemabalance.training.data_checks import Images

log = logging.getLogger(__name__)

MONITORED_PARTS: dict[Protocol, tuple[str, ...]] = {"leak_free": ("validation",), "thesis": ()}
"""The parts that a training may watch itself on; test images are for the end."""

TEST_PARTS: dict[Protocol, tuple[str, ...]] = {"leak_free": ("test",), "thesis": ()}
"""The parts that generators are measured against; the thesis's protocol holds none back."""


def counts(split: pd.DataFrame) -> dict[str, int]:
    """Images after cleaning by class, all parts together."""
    return {str(name): int(n) for name, n in split["label"].value_counts().items()}


def training_rows(split: pd.DataFrame, protocol: Protocol, classes: Iterable[str]) -> pd.DataFrame:
    """The rows of some classes that training may see, sorted by image id."""
    seen = visible(split, protocol)
    return seen[seen["label"].isin(list(classes))].sort_values("image_id", ignore_index=True)


def part_rows(split: pd.DataFrame, parts: Sequence[str], classes: Iterable[str]) -> pd.DataFrame:
    """The rows of some classes in some parts, sorted by image id."""
    return split[split["part"].isin(parts) & split["label"].isin(list(classes))].sort_values(
        "image_id", ignore_index=True
    )


def few_of_each(rows: pd.DataFrame, most: int) -> pd.DataFrame:
    """At most `most` rows a class, those with the smallest draws, sorted by image id."""
    chosen = rows.sort_values(["draw", "image_id"]).groupby("label").head(most)
    return chosen.sort_values("image_id", ignore_index=True)


def real_images(held: ImageSet, rows: pd.DataFrame, size: int, *, threads: int) -> Images:
    """Images of chosen rows, reduced to the working size by averaging areas.

    Args:
        held: the normalised images of both sources.
        rows: `image_id, label`.
        size: side to reduce to, in pixels; at most that of the images.
        threads: decoders at once.

    Raises:
        InputError: an image is not in the set, is not square, or is smaller than `size`.
    """
    pixels = read_reduced(held, rows["image_id"], size, threads=threads)
    return Images(pixels, rows["label"].to_numpy(dtype=str))


def training_images(
    held: ImageSet, split: pd.DataFrame, protocol: Protocol, classes: Iterable[str], size: int, *, threads: int
) -> Images:
    """The real images of some classes that a training may learn from.

    Raises:
        InputError: split and images are not of one run, or as `real_images`.
    """
    rows = training_rows(split, protocol, classes)
    require_visible(split, rows["image_id"], protocol)
    return real_images(held, rows, size, threads=threads)


def by_class(images: Images) -> Iterator[tuple[str, np.ndarray]]:
    """Class and pixels, for each class that there is, in alphabetical order."""
    for label in sorted(set(images.labels.tolist())):
        yield label, images.pixels[images.labels == label]
