"""The images that a normaliser is measured on, real, mapped and reconstructed: made once, used by every metric."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from hemabalance.stain.apply import transformed
from hemabalance.stain.data import DomainImageSets, decoded
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, other_domain


@dataclass(frozen=True)
class View:
    """Images of one source before and after.

    Attributes:
        rows: `image_id, label, part, held_back`, one an image (`data.evaluation_rows`).
        real: RGB uint8 (n, size, size, 3).
        mapped: the same, in the stain of the other source.
        reconstructed: brought back; None where the method has no inverse.
        passed_through: how many images the method left unchanged as degenerate.
    """

    rows: pd.DataFrame
    real: np.ndarray
    mapped: np.ndarray
    reconstructed: np.ndarray | None
    passed_through: int


@dataclass(frozen=True)
class Views:
    """Both sources' views, by domain."""

    of: dict[Domain, View]
    features: dict[tuple[str, Domain], np.ndarray] = field(default_factory=dict)
    """(`real`, `mapped` or `reconstructed`, domain of the source) -> (n, k), filled by whoever extracts them."""


def make_views(
    sets: DomainImageSets, rows: pd.DataFrame, normalizer: Normalizer, *, invertible: bool, threads: int
) -> Views:
    """Map the chosen images of each source to the other's stain, and back where that is possible.

    Args:
        sets: the prepared images.
        rows: those to take, of both sources.
        normalizer: fitted.
        invertible: whether it has an inverse.
        threads: decoders at once.
    """
    made: dict[Domain, View] = {}
    for domain in DOMAINS:
        mine, real = decoded(sets, rows, domain, threads=threads)
        to = other_domain(domain)
        mapped, passed = transformed(normalizer, real, to=to, what=f"{domain} to {to}")
        back = normalizer.inverse(mapped, to=domain).pixels if invertible else None
        made[domain] = View(mine, real, mapped, back, int(passed.sum()))
    return Views(made)
