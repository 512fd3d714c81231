"""Which source of a model's training images a photograph resembles in colour.

A square image is described by nine numbers: the 10th, 50th and 90th percentiles of L*, a* and b* over its pixels. The
training images of each source, before normalisation, are modelled by the mean and the covariance of these numbers,
shrunk after Ledoit and Wolf (J. Multivariate Analysis 88, 2004). The colour distance of an image to a source is its
Mahalanobis distance divided by the source's limit, which 99 % of the training images stay below when they are held back
from the fit (five folds). A distance over 1 to every source therefore means colours unlike those of training.
"""

import logging
from collections.abc import Collection, Mapping

import numpy as np
import pandas as pd

from hemabalance.classify.model_schema import SourceColours
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import visible_stains
from hemabalance.dataset.working_size import positions_of
from hemabalance.metrics.cielab import lab_of
from hemabalance.parallel import threaded_map
from hemabalance.protocols import Protocol

log = logging.getLogger(__name__)

PERCENTILES = (10, 50, 90)
QUANTILE = 0.99
"""Share of held-back training images within the limit of their source."""

FOLDS = 5
MIN_IMAGES = 20
"""Sources with fewer images have no model of colours."""

MAX_IMAGES = 2000
"""Images of a source that are read for its model of colours, evenly spaced over all."""

_DIGITS = 6


def colour_numbers(square: np.ndarray) -> np.ndarray:
    """Percentiles 10, 50 and 90 of L*, a* and b* of an image, RGB uint8 (s, s, 3): float64 (9,), by percentile."""
    numbers: np.ndarray = np.percentile(lab_of(square), PERCENTILES, axis=1).ravel().astype(np.float64)
    return numbers


def colour_distances(numbers: np.ndarray, colours: SourceColours) -> np.ndarray:
    """Distances of images to a source, in units of its limit.

    Args:
        numbers: `colour_numbers` of n images, float64 (n, 9).
        colours: model of the source.

    Returns:
        float64 (n,), 0 or more; over 1 for images beyond the limit.
    """
    return _distances(numbers, np.array(colours.mean), np.array(colours.precision)) / colours.limit


def fit_source_colours(numbers: np.ndarray) -> SourceColours:
    """The model of a source's colours.

    Args:
        numbers: `colour_numbers` of its training images, float64 (n, 9), n at least MIN_IMAGES.
    """
    fold = np.arange(len(numbers)) % FOLDS
    held_back = [_distances(numbers[fold == k], *_mean_and_precision(numbers[fold != k])) for k in range(FOLDS)]
    mean, precision = _mean_and_precision(numbers)
    return SourceColours(
        images=len(numbers),
        mean=tuple(_rounded(mean)),
        precision=tuple(tuple(_rounded(row)) for row in precision),
        limit=_rounded(np.quantile(np.concatenate(held_back), [QUANTILE]))[0],
    )


def training_colours(
    originals: Mapping[str, ImageSet],
    split: pd.DataFrame,
    protocol: Protocol,
    sources: Collection[str],
    *,
    threads: int,
) -> dict[str, SourceColours]:
    """The models of the colours of sources, from images that trainings may see, with labels or without.

    Args:
        originals: source -> its images before normalisation.
        split: of the protocol.
        protocol: determines these images.
        sources: the sources to model; those with fewer than MIN_IMAGES images are left out.
        threads: images that are read at once.

    Raises:
        InputError: an image is missing or damaged, or images and split are of different runs.
    """
    rows, colours = visible_stains(split, protocol), {}
    for source in sorted(sources):
        ids = rows.loc[rows["source"] == source, "image_id"].sort_values(ignore_index=True)
        if len(ids) < MIN_IMAGES:
            log.warning("%s has %d training images, too few to recognise its colours in new images", source, len(ids))
            continue
        chosen = ids[np.linspace(0, len(ids) - 1, min(len(ids), MAX_IMAGES)).round().astype(int)]
        colours[source] = fit_source_colours(_numbers(originals[source], chosen, threads))
    return colours


def _numbers(images: ImageSet, ids: pd.Series, threads: int) -> np.ndarray:
    places = positions_of(images, ids).tolist()
    return np.stack(list(threaded_map(lambda place: colour_numbers(images.read(place)), places, threads=threads)))


def _mean_and_precision(numbers: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.covariance import LedoitWolf  # slow to import, and not needed for prediction

    # A number that is constant is not rescaled; in CIELAB units a spread of 0.5 is hardly visible.
    scale = np.maximum(numbers.std(0), 0.5)
    estimate = LedoitWolf().fit(numbers / scale)
    return numbers.mean(0), np.linalg.inv(estimate.covariance_ + 1e-3 * np.eye(len(scale))) / np.outer(scale, scale)


def _distances(numbers: np.ndarray, mean: np.ndarray, precision: np.ndarray) -> np.ndarray:
    offsets = numbers - mean
    distances: np.ndarray = np.sqrt(np.maximum(np.einsum("ni,ij,nj->n", offsets, precision, offsets), 0))
    return distances


def _rounded(numbers: np.ndarray) -> list[float]:
    """Numbers to six significant digits, for a file that people can read."""
    return [float(f"{number:.{_DIGITS}g}") for number in numbers]
