"""Looks of laboratories: the colours of their stains and slides, and the faults of their microscopes and cameras.

Looks "a" and "b", which are the numbers 0 and 1, follow two public archives. Those of higher numbers are random.
"""

from dataclasses import dataclass
from functools import cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
StainDomain = Literal["a", "b"] | int
"""A look: "a" or "b", or its number."""

STAINS = ("eosin", "azure", "blue", "azurophil", "acidophil", "haemoglobin")

OD: dict[str, F32] = {
    "a": np.array(
        [
            (0.085, 0.175, 0.090),
            (0.640, 1.050, 0.210),
            (0.330, 0.330, 0.055),
            (0.400, 0.700, 0.160),
            (0.085, 0.300, 0.245),
            (0.088, 0.138, 0.082),
        ],
        np.float32,
    ),
    "b": np.array(
        [
            (0.045, 0.150, 0.045),
            (0.560, 1.650, 0.165),
            (0.340, 0.410, 0.030),
            (0.230, 0.720, 0.100),
            (0.105, 0.370, 0.165),
            (0.085, 0.170, 0.095),
        ],
        np.float32,
    ),
}
"""Optical density (log10 units) of each of STAINS (rows) in R, G, B (columns) at concentration 1, for both domains.

Concentration 1 is a typical neutrophil nucleus for azure, a typical red cell for haemoglobin, and so on. The values
were read from the median colours of nuclei, red cells, cytoplasm and granules relative to the empty background: domain
"a" after the May-Gruenwald-Giemsa smears of PBC (doi:10.1016/j.dib.2020.105474), domain "b" after those of
AML-Cytomorphology_LMU (doi:10.1038/s42256-019-0101-9).
"""

BACKGROUND: dict[str, F32] = {
    "a": np.array((254.0, 229.0, 204.0), np.float32),
    "b": np.array((245.0, 240.0, 238.0), np.float32),
}
"""Colour of the empty slide (R, G, B in 0..255): peach in domain "a", near-white in domain "b"."""

LOOK_STREAM, FIRST_NUISANCE_STREAM = 7, 3


@dataclass(frozen=True, eq=False)
class Look:
    """The look of one laboratory.

    Attributes:
        densities: optical density (6, 3) of each of STAINS at concentration 1.
        background: colour of the empty slide (3,), R, G, B in 0..255.
        stream: number of its stream of random numbers.
        tint: relative spread of the background colour.
        dim_share: share of underexposed frames.
        shade: relative light lost from centre to edge.
        blur: median in micrometres and log-standard deviation of the focus blur.
        grain: sensor noise, in grey levels.
    """

    densities: F32
    background: F32
    stream: int
    tint: float
    dim_share: float
    shade: float
    blur: tuple[float, float]
    grain: float


@cache
def look_of(domain: StainDomain) -> Look:
    """The look of a domain.

    Args:
        domain: "a", "b", or a number of at least 0. Number 0 is "a", 1 is "b"; every higher one has dyes between those
            of the two, each a little different, and a background and a camera of its own.
    """
    if domain in ("a", 0):
        return Look(OD["a"], BACKGROUND["a"], FIRST_NUISANCE_STREAM, 0.012, 0.0, 0.012, (0.10, 0.30), 1.0)
    if domain in ("b", 1):
        return Look(OD["b"], BACKGROUND["b"], FIRST_NUISANCE_STREAM + 1, 0.024, 0.05, 0.022, (0.17, 0.50), 1.6)
    rng = np.random.default_rng([int(domain), LOOK_STREAM])
    share = rng.uniform(0.0, 1.0)
    densities = OD["a"] ** (1 - share) * OD["b"] ** share * np.exp(rng.normal(0.0, 0.2, OD["a"].shape))
    background = rng.uniform((215, 205, 185), (254, 250, 250))
    return Look(
        densities=densities.astype(np.float32),
        background=background.astype(np.float32),
        stream=100 + int(domain),  # below are the streams of other random numbers of a cell
        tint=rng.uniform(0.01, 0.03),
        dim_share=rng.uniform(0.0, 0.05),
        shade=rng.uniform(0.01, 0.03),
        blur=(rng.uniform(0.08, 0.2), 0.4),
        grain=rng.uniform(0.8, 1.8),
    )
