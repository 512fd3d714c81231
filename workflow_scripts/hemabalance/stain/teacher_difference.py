"""The colour difference between a normaliser and the teacher that it learned to imitate."""

import logging
from typing import Any

import numpy as np
import pandas as pd

from hemabalance.dataset.splits import visible
from hemabalance.protocols import Protocol
from hemabalance.stain.data import PairImages, decode_domain
from hemabalance.stain.direction import comparable_images
from hemabalance.stain.normalizer import DOMAINS, Domain, Teacher, other_domain

log = logging.getLogger(__name__)

MAX_IMAGES = 48
"""Images of each source that are compared."""


def difference_to_teacher(
    pupil: Teacher, teacher: Teacher, images: PairImages, split: pd.DataFrame, protocol: Protocol, *, threads: int
) -> dict[str, dict[str, Any]]:
    """CIEDE2000 between both results of the same images, over all pixels, in each direction.

    The images are validation images of the classes that both sources have, those with the smallest `draw`; where the
    split has no validation image of a source, training images. Test images are never used.

    Args:
        pupil: fitted; whatever maps images.
        teacher: the normaliser that it imitates.
        images: the prepared images of the pair.
        split: of the protocol, one row per image.
        protocol: determines the training images.
        threads: number of decoders.

    Returns:
        `to_a` (of images of source b) and `to_b`: `part` (`validation` or `training`)`, images, pixels, mean, median,
        percentile_95`.
    """
    differences = {}
    for domain in DOMAINS:
        part, rows = _compared_rows(split, images, domain, protocol)
        _, pixels = decode_domain(images, rows, domain, threads=threads)
        target = other_domain(domain)
        delta_e = np.concatenate([_delta_e(pupil, teacher, image[None], target) for image in pixels])
        differences[f"to_{target}"] = {
            "part": part,
            "images": len(pixels),
            "pixels": len(delta_e),
            "mean": round(float(delta_e.mean()), 3),
            "median": round(float(np.median(delta_e)), 3),
            "percentile_95": round(float(np.percentile(delta_e, 95)), 3),
        }
        log.info("Colour difference to the teacher, to_%s: %s", target, differences[f"to_{target}"])
    return differences


def _compared_rows(
    split: pd.DataFrame, images: PairImages, domain: Domain, protocol: Protocol
) -> tuple[str, pd.DataFrame]:
    rows = comparable_images(split, images.pair)
    rows = rows[rows["source"] == images.pair[domain]].sort_values(["draw", "image_id"])
    validation = rows[rows["part"] == "validation"]
    part, candidates = ("validation", validation) if len(validation) else ("training", visible(rows, protocol))
    return part, candidates.head(MAX_IMAGES)


def _delta_e(pupil: Teacher, teacher: Teacher, images: np.ndarray, to: Domain) -> np.ndarray:
    # Here, because fits without a teacher need not load this large package.
    from skimage.color import deltaE_ciede2000, rgb2lab

    ours, theirs = (rgb2lab(normalizer.transform(images, to=to).pixels) for normalizer in (pupil, teacher))
    difference: np.ndarray = deltaE_ciede2000(theirs, ours).ravel()  # type: ignore[no-untyped-call]
    return difference
