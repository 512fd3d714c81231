"""Decode a few images of each label: their sizes, red cells and colours, and thumbnails to find copies by."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from skimage.color import rgb2lab
from skimage.filters import threshold_otsu

from hemabalance.config.data import PixelConfig
from hemabalance.dataset.geometry import fit_square
from hemabalance.dataset.perceptual_hash import thumbnail
from hemabalance.errors import InputError
from hemabalance.metrics.red_cells import Diameter, diameter_of, one_population, red_cell_diameters
from hemabalance.parallel import threaded_map
from hemabalance.sources.decode import UnreadableImage, decode
from hemabalance.sources.formats import READABLE
from hemabalance.survey.listing import ListedLaboratory

SAMPLED = 160
"""Images decoded of a laboratory, about equally many of each label."""

_SIDE = 256  # of the square in which red cells are measured
_COLOUR_SIDE = 64
_DARKER = 18  # grey levels of green below the background, as for red cells


@dataclass(frozen=True)
class SampledImages:
    """What some images of a laboratory show.

    Attributes:
        members: the images that could be decoded.
        sides: shorter side of each, in pixels.
        thumbs: uint8 (n, 64, 64).
        red_cells: diameters of red cells, as a share of the shorter side.
        background: float64 (m, 3), mean CIELAB colour of the background of each image that has one.
        cells: float64 (m, 3), of everything darker than it.
        unreadable: reason -> number of images that could not be decoded.
    """

    members: tuple[str, ...]
    sides: np.ndarray
    thumbs: np.ndarray
    red_cells: Diameter
    background: np.ndarray
    cells: np.ndarray
    unreadable: Counter[str]


def sample_images(
    laboratory: ListedLaboratory, labels: Mapping[str, str], pixels: PixelConfig, *, threads: int
) -> SampledImages:
    """Decode up to SAMPLED images, spread evenly over the labels and over the sorted names of each.

    Args:
        laboratory: the listed laboratory.
        labels: image -> label; images without one are a kind of their own.
        pixels: limits of an image; a smaller side than `min_side` is no error here.
        threads: number of threads that decode.

    Raises:
        InputError: none of the images can be decoded.
    """
    chosen = chosen_images(laboratory.images, labels)
    looks = list(threaded_map(lambda item: _look(item, pixels), laboratory.archive.read(chosen), threads=threads))
    unreadable = Counter(look for _, look in looks if isinstance(look, str))
    seen = sorted(((member, look) for member, look in looks if not isinstance(look, str)), key=lambda item: item[0])
    if not seen:
        reason, count = unreadable.most_common(1)[0]
        raise InputError(
            laboratory.given, f"none of {len(looks)} images that were tried can be read ({count}: {reason})",
            f"Open one of them in a viewer, and save the images again: {READABLE}",
        )  # fmt: skip
    views = [view for _, view in seen]
    return SampledImages(
        members=tuple(member for member, _ in seen),
        sides=np.array([view.side for view in views]),
        thumbs=np.stack([view.thumb for view in views]),
        red_cells=diameter_of(one_population(np.concatenate([view.red_cells for view in views]))),
        background=_rows([view.background for view in views]),
        cells=_rows([view.cells for view in views]),
        unreadable=unreadable,
    )


def chosen_images(images: Sequence[str], labels: Mapping[str, str]) -> list[str]:
    """Up to SAMPLED of the images, each label with its share of an equal division, evenly spaced; sorted."""
    by_label: dict[str, list[str]] = defaultdict(list)
    for image in images:
        by_label[labels.get(image, "")].append(image)
    chosen: list[str] = []
    # The smallest labels first: what they leave of their share goes to the others.
    groups = sorted(by_label.values(), key=len)
    for done, group in enumerate(groups):
        share = max(1, (SAMPLED - len(chosen)) // (len(groups) - done))
        places = np.linspace(0, len(group) - 1, min(share, len(group))).round().astype(int)
        chosen += [group[place] for place in places]
    return sorted(chosen)


@dataclass(frozen=True)
class _View:
    side: int
    thumb: np.ndarray
    red_cells: np.ndarray
    background: np.ndarray | None
    cells: np.ndarray | None


def _look(item: tuple[str, bytes], pixels: PixelConfig) -> tuple[str, "_View | str"]:
    member, data = item
    try:
        image, _ = decode(data, max_pixels=pixels.max_pixels, min_side=1)
    except UnreadableImage as error:
        return member, error.reason
    side = min(image.shape[:2])
    square = fit_square(image, size=min(side, _SIDE), fit="crop", field=1.0)
    return member, _View(side, thumbnail(image), red_cell_diameters(square), *_colours(image))


def _colours(image: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Mean CIELAB of background and cells; None where an image has no such pixels."""
    small = fit_square(image, size=min(_COLOUR_SIDE, *image.shape[:2]), fit="crop", field=1.0)
    green = small[..., 1].astype(np.float64)
    if green.min() == green.max():
        return None, None
    bright = green > threshold_otsu(green)  # type: ignore[no-untyped-call]
    dark = green < np.median(green[bright]) - _DARKER
    colours = rgb2lab(small)
    return (colours[bright].mean(axis=0) if bright.any() else None), (
        colours[dark].mean(axis=0) if dark.any() else None
    )


def _rows(colours: Sequence[np.ndarray | None]) -> np.ndarray:
    return np.array([colour for colour in colours if colour is not None], np.float64).reshape(-1, 3)
