"""The real images that generators, the gate and the evaluation use, at the working size."""

import logging
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import WITHHELD, read_split, require_visible, visible
from hemabalance.dataset.working_size import read_reduced
from hemabalance.protocols import Protocol, Rules
from hemabalance.synthesis.roles import Roles, assign
from hemabalance.training.data_checks import Images

log = logging.getLogger(__name__)

MONITORED_PARTS: dict[Rules, tuple[str, ...]] = {"leak_free": ("validation",), "thesis": ()}
"""Parts of the split that a training may be monitored on; test images are reserved for the evaluation."""

TEST_PARTS: dict[Rules, tuple[str, ...]] = {"leak_free": ("test",), "thesis": ()}
"""Parts of the split that generators are evaluated against; the thesis's protocol holds none back."""


@dataclass(frozen=True)
class RealImageSource:
    """The normalised real images of one protocol.

    Attributes:
        images: normalised images of all sources.
        split: split table of the protocol.
        protocol: decides which parts of the split training may see.
        threads: number of images decoded in parallel.
    """

    images: ImageSet
    split: pd.DataFrame
    protocol: Protocol
    threads: int

    def training_rows(self, classes: Iterable[str]) -> pd.DataFrame:
        """Rows of the split that training may see, see `training_rows`."""
        return training_rows(self.split, self.protocol, classes)

    def read(self, rows: pd.DataFrame, size: int) -> Images:
        """Images of the given rows, see `real_images`."""
        return real_images(self.images, rows, size, threads=self.threads)

    def read_training_images(self, classes: Iterable[str], size: int) -> Images:
        """All real images of the given classes that training may learn from, side `size` pixels.

        Raises:
            InputError: split and images belong to different runs, or as `real_images`.
        """
        rows = self.training_rows(classes)
        require_visible(self.split, rows["image_id"], self.protocol)
        return self.read(rows, size)


@contextmanager
def open_real_images(
    images: str | Path, index: str | Path, split: str | Path, protocol: Protocol, threads: int
) -> Iterator[RealImageSource]:
    """Open the normalised real images of a protocol; the image set is closed at the end of the context.

    Args:
        images, index: image set with the normalised images, ZIP and Parquet.
        split: Parquet file of the split.
        protocol: of the split.
        threads: number of images decoded in parallel.

    Raises:
        InputError: a file is missing or damaged.
    """
    with ImageSet(Path(images), Path(index)) as image_set:
        yield RealImageSource(image_set, read_split(Path(split)), protocol, threads)


def counts(rows: pd.DataFrame, classes: Iterable[str]) -> dict[str, int]:
    """Number of images of each of the given classes among rows of a split, without classes that have none."""
    labels = rows.loc[rows["label"].isin(list(classes)), "label"]
    return {str(name): int(n) for name, n in labels.value_counts().items()}


def roles_of(split: pd.DataFrame, classes: Iterable[str], roles: RolesConfig) -> Roles:
    """Roles of the classes in a protocol, by the numbers of all their images in its split.

    A class that a scarce protocol cuts is rare, however many images it is cut to: the experiment is about it.

    Args:
        split: split table of the protocol, with all images after cleaning.
        classes: all classes of the run.
        roles: see `roles.assign`.
    """
    cut = set(split.loc[split["part"] == WITHHELD, "label"])
    return assign(counts(split, classes), roles, always_rare=cut)


def training_rows(split: pd.DataFrame, protocol: Protocol, classes: Iterable[str]) -> pd.DataFrame:
    """Rows of the given classes that training may see, sorted by image id."""
    rows = visible(split, protocol)
    return rows[rows["label"].isin(list(classes))].sort_values("image_id", ignore_index=True)


def part_rows(split: pd.DataFrame, parts: Sequence[str], classes: Iterable[str]) -> pd.DataFrame:
    """Rows of the given classes in the given parts, sorted by image id."""
    return split[split["part"].isin(parts) & split["label"].isin(list(classes))].sort_values(
        "image_id", ignore_index=True
    )


def smallest_draws(rows: pd.DataFrame, max_images: int) -> pd.DataFrame:
    """At most `max_images` rows per class, the ones with the smallest value of `draw`, sorted by image id."""
    selected = rows.sort_values(["draw", "image_id"]).groupby("label").head(max_images)
    return selected.sort_values("image_id", ignore_index=True)


def real_images(images: ImageSet, rows: pd.DataFrame, size: int, *, threads: int) -> Images:
    """Images of the given rows, reduced to the working size by area averaging.

    Args:
        images: normalised images of all sources.
        rows: table with the columns `image_id` and `label`.
        size: side of the result in pixels; at most the side of the stored images.
        threads: number of images decoded in parallel.

    Returns:
        `pixels` RGB uint8 (n, size, size, 3) and `labels` in the order of the rows.

    Raises:
        InputError: an image is missing from the set, is not square, or is smaller than `size`.
    """
    pixels = read_reduced(images, rows["image_id"], size, threads=threads)
    return Images(pixels, rows["label"].to_numpy(dtype=str))
