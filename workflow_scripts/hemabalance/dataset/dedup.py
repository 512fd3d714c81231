"""Find images that are the same photograph, and decide which one stays.

Two steps: candidates by perceptual hash through an index, then verification on pixels. A perceptual hash alone
would throw away different cells that merely look alike: of 3,255 pairs of real photographs within 12 bits, two
were copies.
"""

import logging
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.hamming import pairs_within

log = logging.getLogger(__name__)

# At up to 80 bytes a pair while they are searched: 1.6 GB.
MAX_CANDIDATES = 20_000_000


@dataclass(frozen=True)
class DuplicateGroups:
    """Which images are copies of which.

    Attributes:
        group: int64 (n,), the same number for all images of one photograph.
        keeper: int64 (n,), position of the image that stays for the group.
        identical: bool (n,), whether the image equals its keeper in every pixel (or every byte).
        score: float32 (n,), aligned correlation with the nearest verified partner, 1 where identical or alone.
    """

    group: np.ndarray
    keeper: np.ndarray
    identical: np.ndarray
    score: np.ndarray


def find_copies(
    images: pd.DataFrame, thumbs: np.ndarray, *, hash_radius: int, min_correlation: float, threads: int
) -> DuplicateGroups:
    """Group the images that are one photograph: same bytes, same pixels, or verified near-duplicates.

    Pixels are known to be the same where both images have a `pixel_sha256`. The inventory takes it by default only of
    images whose thumbnail another one in the same archive has: files of unequal bytes and equal pixels that stand in
    two archives, or are encoded in two formats, come out as near-duplicates, with a correlation of 1.000 and above
    0.99, respectively.

    Which copy stays does not depend on the order of rows: the most pixels, then the most bytes (the least
    compressed), then the smallest `image_id`.

    Args:
        images: one row an image: `image_id, bytes, sha256, pixel_sha256` (may be missing)`, phash` (16 hex digits)`,
            width, height`.
        thumbs: uint8 (n, 64, 64), in the same order.
        hash_radius: candidates differ in at most so many of the 64 hash bits.
        min_correlation: verified where the aligned correlation of the thumbnails is at least this.
        threads: for the search and the verification.
    """
    exact = _exact(images)
    # One representative of each set of identical images is enough to search with.
    _, first = np.unique(exact, return_index=True)
    hashes = np.array([int(text, 16) for text in images["phash"].iloc[first]], np.uint64)
    left, right, _ = pairs_within(hashes, hash_radius, threads=threads, max_pairs=MAX_CANDIDATES)
    left, right = first[left], first[right]
    scores = same_photograph_scores(thumbs, left, right, threads=threads)
    same = scores >= min_correlation
    log.info(
        "%d images, %d distinct: %d candidate pairs within %d bits, %d verified as the same photograph",
        len(images), len(first), len(left), hash_radius, int(same.sum()),
    )  # fmt: skip
    left, right, scores = left[same], right[same], scores[same]
    group = _components(exact, left, right)
    keeper = _keepers(images, group)
    best = np.ones(len(images), np.float32)
    nearest = np.zeros(int(exact.max(initial=-1)) + 1, np.float32)
    np.maximum.at(nearest, exact[left], scores)
    np.maximum.at(nearest, exact[right], scores)
    identical = exact == exact[keeper]
    best[~identical] = nearest[exact[~identical]]
    return DuplicateGroups(group, keeper, identical, best)


def _exact(images: pd.DataFrame) -> np.ndarray:
    """The same number for images of the same bytes or, where known, the same pixels."""
    # With the width: a flat image and the same turned by 90 degrees have equal bytes of pixels, but are not equal.
    pixels = images["pixel_sha256"] + " " + images["width"].astype("str")
    # What is known of a file holds for every other with its bytes.
    pixels = pixels.groupby(images["sha256"].to_numpy()).transform("first")
    exact: np.ndarray = pd.factorize(pixels.fillna(images["sha256"]), sort=True)[0].astype(np.int64)
    return exact


def _components(exact: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    n = int(exact.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(left), np.int8), (exact[left], exact[right])), shape=(n, n))
    components: np.ndarray = connected_components(edges, directed=False)[1][exact]
    return components.astype(np.int64)


def _keepers(images: pd.DataFrame, group: np.ndarray) -> np.ndarray:
    ranked = images.assign(group=group, area=images["width"].astype(np.int64) * images["height"].astype(np.int64))
    order = ranked.reset_index(drop=True).sort_values(
        ["group", "area", "bytes", "image_id"], ascending=[True, False, False, True], kind="stable"
    )
    best = order.drop_duplicates("group").set_index("group").index
    positions = order.drop_duplicates("group").index.to_numpy()
    lookup = np.empty(len(best), np.int64)
    lookup[best.to_numpy()] = positions
    keepers: np.ndarray = lookup[group]
    return keepers
