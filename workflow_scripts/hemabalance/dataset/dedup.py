"""Find images that are the same photograph, and choose the one to keep.

Two steps in each of the eight poses: candidate search by perceptual hash, then verification on pixels. A perceptual
hash alone would also remove different cells that look alike: of 3,255 pairs of real photographs within 12 bits, two
were copies, and of 9,447 pairs in another pose none.
"""

import logging
from dataclasses import dataclass
from itertools import chain

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from hemabalance.classes import UNLABELLED
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.hamming import pairs_between, pairs_within, too_many_pairs
from hemabalance.dataset.perceptual_hash import pose_hashes
from hemabalance.metrics.poses import COMPOSED, INVERSE, POSES
from hemabalance.parallel import threaded_map

log = logging.getLogger(__name__)

# The search needs up to 80 bytes per pair: 1.6 GB.
MAX_CANDIDATES = 20_000_000
# Rows that a thread compares with all later ones at once.
_ROWS = 512


@dataclass(frozen=True)
class DuplicateGroups:
    """Groups of images that are copies of one photograph.

    Attributes:
        group: int64 (n,), number of the photograph.
        keeper: int64 (n,), position of the image that is kept for the group.
        identical: bool (n,), whether the image equals its keeper in all pixels (or all bytes).
        score: float32 (n,), best aligned correlation with a verified copy; 1 if identical to the keeper or without
            copies.
        pose: int64 (n,), the pose in which the keeper looks like the image (index in `metrics.poses.poses`).
    """

    group: np.ndarray
    keeper: np.ndarray
    identical: np.ndarray
    score: np.ndarray
    pose: np.ndarray


def find_copies(
    images: pd.DataFrame, thumbs: np.ndarray, *, hash_radius: int, min_correlation: float, threads: int
) -> DuplicateGroups:
    """Group the images of each photograph: equal bytes, equal pixels, or verified near-duplicates in any pose.

    Equality of pixels is known only for images with a `pixel_sha256`. By default the inventory computes it only for
    images that share their thumbnail with another image of the same archive. Files with different bytes but equal
    pixels in two archives, or in two formats, are therefore found as near-duplicates, with a correlation of 1.000 and
    above 0.99, respectively. So are equal pixels in another pose.

    The choice of the keeper does not depend on the order of rows: an image with a label, then the image with the most
    pixels, then the most bytes (the least compressed), then the smallest `image_id`.

    Args:
        images: one row per image: `image_id, bytes, sha256, pixel_sha256` (may be missing)`, phash` (16 hex digits)`,
            width, height`, and optionally `label`.
        thumbs: uint8 (n, 64, 64), in the same order.
        hash_radius: candidates differ in at most this number of the 64 hash bits.
        min_correlation: a candidate is verified if the aligned correlation of the thumbnails is at least this.
        threads: number of threads of the search and the verification.

    Raises:
        InputError: there are more than MAX_CANDIDATES candidate pairs.
    """
    identity = _identity_numbers(images)
    # The search needs one representative of each set of identical images.
    _, representatives = np.unique(identity, return_index=True)
    hashes = np.array([int(text, 16) for text in images["phash"].iloc[representatives]], np.uint64)
    left, right, pose = candidate_pairs(hashes, thumbs[representatives], hash_radius, threads=threads)
    left, right = representatives[left], representatives[right]
    scores = same_photograph_scores(thumbs, left, right, pose, threads=threads)
    verified = scores >= min_correlation
    log.info(
        "%d images, %d distinct: %d candidate pairs within %d bits, %d verified as the same photograph, "
        "%d of them mirrored or rotated",
        len(images), len(representatives), len(left), hash_radius, int(verified.sum()), int(verified[pose > 0].sum()),
    )  # fmt: skip
    left, right, pose, scores = left[verified], right[verified], pose[verified], scores[verified]
    group = _components(identity, left, right)
    keeper = _keepers(images, group)
    best = np.ones(len(images), np.float32)
    nearest = np.zeros(int(identity.max(initial=-1)) + 1, np.float32)
    np.maximum.at(nearest, identity[left], scores)
    np.maximum.at(nearest, identity[right], scores)
    identical = identity == identity[keeper]
    best[~identical] = nearest[identity[~identical]]
    turns = _poses_of_keepers(identity, keeper, left, right, pose, scores)
    return DuplicateGroups(group, keeper, identical, best, turns)


def candidate_pairs(
    hashes: np.ndarray, thumbs: np.ndarray, radius: int, *, threads: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Find pairs of images whose perceptual hashes are near in some pose.

    Args:
        hashes: uint64 (n,), `perceptual_hash` of the images.
        thumbs: uint8 (n, 64, 64), from which the hashes in the other poses are computed.
        radius: largest Hamming distance.
        threads: number of threads.

    Returns:
        Positions left < right, int (pairs,) each, and int8 (pairs,), the pose of the right image in which the two are
        near (index in `metrics.poses.poses`). A pair may occur in several poses.

    Raises:
        InputError: there are more than MAX_CANDIDATES pairs.
    """
    left, right, _ = pairs_within(hashes, radius, threads=threads, max_pairs=MAX_CANDIDATES)
    found = [(left, right, np.zeros(len(left), np.int8))]
    turned = pose_hashes(thumbs)
    for pose in range(1, POSES):
        found += _candidates_in_pose(turned[0], turned[pose], pose, radius, threads)
        if sum(len(part[0]) for part in found) > MAX_CANDIDATES:
            raise too_many_pairs(MAX_CANDIDATES, radius)
    left, right, poses = (np.concatenate(column) for column in zip(*found, strict=True))
    return left, right, poses


def _candidates_in_pose(
    hashes: np.ndarray, turned: np.ndarray, pose: int, radius: int, threads: int
) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    def search(start: int) -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        rows, later = hashes[start : start + _ROWS], turned[start:]
        pairs = ((i[i < j] + start, j[i < j] + start) for i, j in pairs_between(rows, later, radius))
        return [(left, right, np.full(len(left), pose, np.int8)) for left, right in pairs if len(left)]

    return list(chain.from_iterable(threaded_map(search, range(0, len(hashes), _ROWS), threads=threads)))


def _poses_of_keepers(
    identity: np.ndarray,
    keeper: np.ndarray,
    left: np.ndarray,
    right: np.ndarray,
    pose: np.ndarray,
    scores: np.ndarray,
) -> np.ndarray:
    """Follow the verified pairs from each keeper, the best ones first; see `DuplicateGroups.pose`."""
    order = np.argsort(-np.concatenate([scores, scores]), kind="stable")
    start, end = (identity[np.concatenate(ends)[order]] for ends in ((right, left), (left, right)))
    turn = np.concatenate([pose, INVERSE[pose]])[order]
    poses = np.full(int(identity.max(initial=-1)) + 1, -1)
    poses[identity[keeper]] = 0
    while (reached := (poses[start] >= 0) & (poses[end] < 0)).any():
        found, first = np.unique(end[reached], return_index=True)
        poses[found] = COMPOSED[turn[reached][first], poses[start[reached][first]]]
    of_images: np.ndarray = poses[identity]
    return of_images


def _identity_numbers(images: pd.DataFrame) -> np.ndarray:
    """Number the images so that images of equal bytes or, if known, equal pixels share a number; int64 (n,)."""
    # The width is included: a uniform image and its rotation by 90 degrees have equal pixel bytes but are not equal.
    pixels = images["pixel_sha256"] + " " + images["width"].astype("str")
    # Files of equal bytes share a known pixel hash.
    pixels = pixels.groupby(images["sha256"].to_numpy()).transform("first")
    identity: np.ndarray = pd.factorize(pixels.fillna(images["sha256"]), sort=True)[0].astype(np.int64)
    return identity


def _components(identity: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    n = int(identity.max(initial=-1)) + 1
    edges = coo_array((np.ones(len(left), np.int8), (identity[left], identity[right])), shape=(n, n))
    components: np.ndarray = connected_components(edges, directed=False)[1][identity]
    return components.astype(np.int64)


def _keepers(images: pd.DataFrame, group: np.ndarray) -> np.ndarray:
    candidates = images.assign(group=group, area=images["width"].astype(np.int64) * images["height"].astype(np.int64))
    candidates["unlabelled"] = candidates["label"] == UNLABELLED if "label" in candidates else False
    order = candidates.reset_index(drop=True).sort_values(
        ["group", "unlabelled", "area", "bytes", "image_id"], ascending=[True, True, False, False, True], kind="stable"
    )
    best = order.drop_duplicates("group").set_index("group").index
    positions = order.drop_duplicates("group").index.to_numpy()
    lookup = np.empty(len(best), np.int64)
    lookup[best.to_numpy()] = positions
    keepers: np.ndarray = lookup[group]
    return keepers
