"""Do test images stand among other images once more, under whatever name: as the same file, pixels or photograph?

The measures are those by which the manifest finds copies in the archives (`dataset.dedup`), on the images as they are
after normalisation: perceptual hashes name candidates, aligned thumbnails decide.
"""

import hashlib
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from hemabalance.balance.balanced_set import by_set
from hemabalance.dataset.alignment import same_photograph_scores
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.perceptual_hash import THUMB, perceptual_hash, thumbnail
from hemabalance.dataset.working_size import reduced
from hemabalance.parallel import batched, threaded_map
from hemabalance.progress import progress

log = logging.getLogger(__name__)

FILE, PIXELS, PHOTOGRAPH = "the same file", "the same pixels", "the same photograph"

_AT_ONCE = 256
_COMPARED = 1 << 18  # pairs of hashes at once, which stay in cache


@dataclass(frozen=True)
class ImageDigests:
    """What images are compared by.

    Attributes:
        pixels: str (n,), a hash of the pixels at the working size.
        thumbs: uint8 (n, 64, 64), of the images as they are in their set.
    """

    pixels: np.ndarray
    thumbs: np.ndarray


def digest_images(rows: pd.DataFrame, sets: Mapping[str, ImageSet], size: int, *, threads: int) -> ImageDigests:
    """Look at every image of a balanced set once.

    Args:
        rows: `image_id, image_set, sha256`.
        sets: the image sets by name.
        size: working size in pixels.
        threads: images at once.

    Raises:
        InputError: as `balance.read_images`.
    """
    digests = np.empty(len(rows), "<U32")
    thumbs = np.empty((len(rows), THUMB, THUMB), np.uint8)

    def digest_and_thumbnail(image: np.ndarray) -> tuple[str, np.ndarray]:
        small = reduced(image[None], size, where="an image of the balanced set")
        return hashlib.sha256(small.tobytes()).hexdigest()[:32], thumbnail(image)

    for held, where, at in by_set(rows, sets):
        batches = progress(
            batched(range(len(where)), _AT_ONCE), total=-(-len(where) // _AT_ONCE), what=str(held.path), unit="batch"
        )
        for batch in batches:
            part = slice(batch[0], batch[-1] + 1)
            seen = threaded_map(
                digest_and_thumbnail, held.decode_all(threads=threads, where=where[part]), threads=threads
            )
            for place, (digest, thumb) in zip(at[part], seen, strict=True):
                digests[place], thumbs[place] = digest, thumb
    return ImageDigests(digests, thumbs)


def copies_of(
    test: np.ndarray,
    rows: pd.DataFrame,
    looks: ImageDigests,
    *,
    hash_radius: int,
    min_correlation: float,
    threads: int,
) -> tuple[pd.DataFrame, int]:
    """Which of the other images are copies of test images.

    Args:
        test: bool (n,), the test images among the rows.
        rows: `image_id, sha256`.
        looks: of the rows, in their order.
        hash_radius, min_correlation: see `dedup.find_copies`.
        threads: for the verification.

    Returns:
        A row a pair: `test_id, image_id, how` (`FILE`, `PIXELS` or `PHOTOGRAPH`)`, correlation` (1 where the pixels
        are the same), sorted by both ids; and how many pairs were looked at closely.
    """
    first, second = np.flatnonzero(test), np.flatnonzero(~test)
    left, right = _same(looks.pixels, first, second)
    hashes = perceptual_hash(looks.thumbs)
    near = [(first[i], second[j]) for i, j in _candidates(hashes[first], hashes[second], hash_radius)]
    nobody = np.empty(0, np.int64)
    one, other = (np.concatenate([nobody, *(pair[side] for pair in near)]) for side in (0, 1))
    scores = same_photograph_scores(looks.thumbs, one, other, threads=threads)
    same = scores >= min_correlation
    log.info(
        "%d test images against %d others: %d pairs of the same pixels, %d candidates, %d the same photograph",
        len(first), len(second), len(left), len(one), int(same.sum()),
    )  # fmt: skip
    ids, files = rows["image_id"].to_numpy(dtype=str), rows["sha256"].to_numpy(dtype=str)
    how = np.where(files[left] == files[right], FILE, PIXELS)
    found = pd.concat(
        [
            pd.DataFrame({"test_id": ids[left], "image_id": ids[right], "how": how, "correlation": 1.0}),
            pd.DataFrame(
                {
                    "test_id": ids[one[same]],
                    "image_id": ids[other[same]],
                    "how": PHOTOGRAPH,
                    "correlation": scores[same],
                }
            ),
        ],
        ignore_index=True,
    )
    # The same pixels make the same thumbnail: the first word on a pair, which is the stronger, stands.
    found = found.drop_duplicates(["test_id", "image_id"]).sort_values(["test_id", "image_id"], ignore_index=True)
    return found, len(one)


def _same(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The pairs of positions, one of `first` and one of `second`, with equal values."""
    left, right = (pd.DataFrame({"value": values[at], "at": at}) for at in (first, second))
    pairs = left.merge(right, on="value")
    return pairs["at_x"].to_numpy(), pairs["at_y"].to_numpy()


def _candidates(first: np.ndarray, second: np.ndarray, radius: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Pairs of positions in `first` and `second` whose hashes, uint64, differ in at most `radius` bits.

    Every pair is compared, a second for 10,000 x 50,000: `hamming.pairs_within` would have to hold all pairs among the
    images of a generator that makes nearly the same one thousands of times.
    """
    step = max(1, _COMPARED // max(1, len(second)))
    for start in range(0, len(first), step):
        left, right = np.nonzero(np.bitwise_count(first[start : start + step, None] ^ second) <= radius)
        yield start + left, right
