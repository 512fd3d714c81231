"""Copies of test images under another name: the same file, the same pixels or the same photograph.

The method is that of the search for copies in the archives (`dataset.dedup`), applied to the images after
normalisation: perceptual hashes propose candidates, aligned thumbnails decide.
"""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import by_set
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.hamming import pairs_between
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.perceptual_hash import THUMB, perceptual_hash, thumbnail
from hemabalance.dataset.working_size import reduced
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import progress

log = logging.getLogger(__name__)

FILE, PIXELS, PHOTOGRAPH = "the same file", "the same pixels", "the same photograph"

_BATCH = 256


@dataclass(frozen=True)
class ImageDigests:
    """Hashes and thumbnails by which images are compared.

    Attributes:
        pixels: str (n,), hash of the pixels at the working size.
        thumbs: uint8 (n, 64, 64), thumbnails of the stored images.
    """

    pixels: np.ndarray
    thumbs: np.ndarray


def digest_images(rows: pd.DataFrame, sets: Mapping[str, ImageSet], size: int, *, threads: int) -> ImageDigests:
    """Digests of the images of a balanced set; each image is decoded once.

    Args:
        rows: `image_id, image_set, sha256`.
        sets: the image sets by name.
        size: working size in pixels.
        threads: images that are processed at once.

    Raises:
        InputError: as `balanced_set.read_images`.
    """
    digests = np.empty(len(rows), "<U32")
    thumbs = np.empty((len(rows), THUMB, THUMB), np.uint8)

    def digest_and_thumbnail(image: np.ndarray) -> tuple[str, np.ndarray]:
        small = reduced(image[None], size, where="an image of the balanced set")
        return hashlib.sha256(small.tobytes()).hexdigest()[:32], thumbnail(image)

    for image_set, stored, places in by_set(rows, sets):
        batches = progress(
            batched(range(len(stored)), _BATCH), total=-(-len(stored) // _BATCH), what=str(image_set.path), unit="block"
        )
        for batch in batches:
            part = slice(batch[0], batch[-1] + 1)
            images = image_set.decode_all(threads=threads, where=stored[part])
            results = threaded_map(digest_and_thumbnail, images, threads=threads)
            for place, (digest, thumb) in zip(places[part], results, strict=True):
                digests[place], thumbs[place] = digest, thumb
    return ImageDigests(digests, thumbs)


def copies_of(
    test: np.ndarray,
    rows: pd.DataFrame,
    digests: ImageDigests,
    *,
    hash_radius: int,
    min_correlation: float,
    threads: int,
) -> tuple[pd.DataFrame, int]:
    """Find copies of test images among the other images.

    Args:
        test: bool (n,), which rows are test images.
        rows: `image_id, sha256`.
        digests: digests of the rows, in their order.
        hash_radius, min_correlation: see `dedup.find_copies`.
        threads: threads of the verification.

    Returns:
        One row per pair: `test_id, image_id, how` (`FILE`, `PIXELS` or `PHOTOGRAPH`)`, correlation` (1 for the same
        pixels), sorted by both ids; and the number of candidate pairs that were verified.
    """
    test_places, other_places = np.flatnonzero(test), np.flatnonzero(~test)
    same_test, same_other = _equal_pairs(digests.pixels, test_places, other_places)
    hashes = perceptual_hash(digests.thumbs)
    near = [
        (test_places[i], other_places[j])
        # `hamming.pairs_within` would also store the pairs among the other images, of which a generator that repeats
        # one image thousands of times has too many.
        for i, j in pairs_between(hashes[test_places], hashes[other_places], hash_radius)
    ]
    empty = np.empty(0, np.int64)
    near_test, near_other = (np.concatenate([empty, *(pair[side] for pair in near)]) for side in (0, 1))
    scores = same_photograph_scores(digests.thumbs, near_test, near_other, threads=threads)
    verified = scores >= min_correlation
    log.info(
        "%d test images against %d others: %d pairs of the same pixels, %d candidates, %d the same photograph",
        len(test_places), len(other_places), len(same_test), len(near_test), int(verified.sum()),
    )  # fmt: skip
    ids, files = rows["image_id"].to_numpy(dtype=str), rows["sha256"].to_numpy(dtype=str)
    how = np.where(files[same_test] == files[same_other], FILE, PIXELS)
    exact = {"test_id": ids[same_test], "image_id": ids[same_other], "how": how, "correlation": 1.0}
    similar = {
        "test_id": ids[near_test[verified]],
        "image_id": ids[near_other[verified]],
        "how": PHOTOGRAPH,
        "correlation": scores[verified],
    }
    pairs = pd.concat([pd.DataFrame(exact), pd.DataFrame(similar)], ignore_index=True)
    # Equal pixels have equal thumbnails, so such a pair is in both tables: keep its first row, the exact one.
    pairs = pairs.drop_duplicates(["test_id", "image_id"]).sort_values(["test_id", "image_id"], ignore_index=True)
    return pairs, len(near_test)


def _equal_pairs(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of a position in `first` and a position in `second` with equal values."""
    left, right = (pd.DataFrame({"value": values[places], "place": places}) for places in (first, second))
    pairs = left.merge(right, on="value")
    return pairs["place_x"].to_numpy(), pairs["place_y"].to_numpy()
