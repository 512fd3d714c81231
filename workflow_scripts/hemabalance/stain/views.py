"""The evaluation images of a normaliser, real, mapped and reconstructed: computed once for all metrics."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hemabalance.stain.apply import transform_batches
from hemabalance.stain.data import PairImages, decode_domain
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, Pair, other_domain


@dataclass(frozen=True)
class View:
    """Images of one source before and after normalisation.

    Attributes:
        rows: `image_id, label, part, held_back`, one per image (`data.evaluation_rows`).
        real: RGB uint8 (n, size, size, 3).
        mapped: the same images in the stain of the other source.
        reconstructed: the mapped images mapped back; None if the method has no inverse.
        passed_through: number of degenerate images that the method left unchanged.
    """

    rows: pd.DataFrame
    real: np.ndarray
    mapped: np.ndarray
    reconstructed: np.ndarray | None
    passed_through: int


@dataclass(frozen=True)
class Views:
    """The images of both sources of a pair."""

    pair: Pair
    by_domain: dict[Domain, View]
    features: dict[tuple[str, Domain], np.ndarray] = field(default_factory=dict)
    """(`real`, `mapped` or `reconstructed`, domain of the source) -> Inception features (n, k), added by `evaluate`."""


def map_images(
    images: PairImages, rows: pd.DataFrame, normalizer: Normalizer, *, invertible: bool, threads: int
) -> Views:
    """Map images of each source to the other source's stain, and back if the method has an inverse.

    Args:
        images: the prepared images.
        rows: the images to map, of both sources.
        normalizer: fitted.
        invertible: whether it has an inverse.
        threads: number of decoders.
    """
    views: dict[Domain, View] = {}
    for domain in DOMAINS:
        domain_rows, real = decode_domain(images, rows, domain, threads=threads)
        to = other_domain(domain)
        mapped, passed_through = transform_batches(normalizer, real, to=to, what=f"{domain} to {to}")
        reconstructed = normalizer.inverse(mapped, to=domain).pixels if invertible else None
        views[domain] = View(domain_rows, real, mapped, reconstructed, int(passed_through.sum()))
    return Views(images.pair, views)
