"""Turn stain concentrations into photographs: Beer-Lambert absorption, then the nuisances of a laboratory.

A dye absorbs the same share of light per unit of its concentration c: I = I0 * 10^(-c * OD) in each colour channel
(Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23:291). With several dyes their optical densities add.
"""

from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemabalance.sources.phantom.fields import grid

F32 = NDArray[np.float32]
StainDomain = Literal["a", "b"]

STAINS = ("eosin", "azure", "blue", "azurophil", "acidophil", "haemoglobin")
EOSIN, AZURE, BLUE, AZUROPHIL, ACIDOPHIL, HAEMOGLOBIN = range(6)

OD: dict[StainDomain, F32] = {
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

BACKGROUND: dict[StainDomain, F32] = {
    "a": np.array((254.0, 229.0, 204.0), np.float32),
    "b": np.array((245.0, 240.0, 238.0), np.float32),
}
"""Colour of the empty slide (R, G, B in 0..255): peach in domain "a", near-white in domain "b"."""

BLUISH_BACKGROUND = np.array((226.0, 222.0, 236.0), np.float32)
BLUISH_GAIN = np.array((0.85, 0.95, 0.45), np.float32)  # factor of OD per channel in the bluish variant

NUISANCE_STREAM: dict[StainDomain, int] = {"a": 3, "b": 4}
COMMON_STAIN, SINGLE_STAIN, HUE = 0.12, 0.08, 0.035  # log-standard deviations of concentrations; relative, of OD
TINT: dict[StainDomain, float] = {"a": 0.012, "b": 0.024}  # relative spread of the background colour
DIM_SHARE: dict[StainDomain, float] = {"a": 0.0, "b": 0.05}  # share of underexposed frames
SHADE: dict[StainDomain, float] = {"a": 0.012, "b": 0.022}  # relative light lost from centre to edge
BLUR_UM: dict[StainDomain, tuple[float, float]] = {"a": (0.10, 0.30), "b": (0.17, 0.50)}  # median, log-sd of focus blur
GRAIN_LEVEL: dict[StainDomain, float] = {"a": 1.0, "b": 1.6}  # sensor noise, grey levels


def absorb(stains: F32, densities: F32, light: F32) -> F32:
    """Return the light transmitted by the stains.

    Args:
        stains: concentrations (6, h, w), at least 0.
        densities: optical densities (6, 3) at concentration 1.
        light: incoming light (3,), 0..255.

    Returns:
        (h, w, 3), 0..255.
    """
    out = np.empty((*stains.shape[1:], 3), np.float32)
    for channel in range(3):
        density = stains[0] * densities[0, channel]
        for stain in range(1, len(STAINS)):
            density += stains[stain] * densities[stain, channel]
        out[..., channel] = light[channel] * np.exp(density * np.float32(-np.log(10.0)))
    return out


def photograph(
    stains: F32, domain: StainDomain, *, seed: int, index: int, bluish: float, nuisance: bool
) -> NDArray[np.uint8]:
    """Return one photograph, RGB uint8 (h, w, 3), of stain concentrations (6, h, w).

    Args:
        stains: concentrations, at least 0.
        domain: stain domain of the laboratory.
        seed: seed of the set.
        index: index of the cell; `seed`, `index` and `domain` determine all random numbers of the photograph.
        bluish: 1 for the bluish variant of the stain; ignored if `nuisance` is False.
        nuisance: whether to add stain variation, exposure, shading, focus blur and sensor noise.
    """
    if not nuisance:
        return _quantised(absorb(stains, OD[domain], BACKGROUND[domain]))
    rng = np.random.default_rng([seed, index, NUISANCE_STREAM[domain]])
    strength = np.exp(rng.normal(0.0, COMMON_STAIN) + rng.normal(0.0, SINGLE_STAIN, len(STAINS)))
    densities = OD[domain] * (strength[:, None] * rng.normal(1.0, HUE, (len(STAINS), 3)))
    light = BACKGROUND[domain] * rng.normal(1.0, TINT[domain]) * rng.normal(1.0, TINT[domain] / 3, 3)
    if rng.random() < DIM_SHARE[domain]:
        light = light * rng.uniform(0.75, 0.95)
    if bluish:
        light, densities = light * BLUISH_BACKGROUND / BACKGROUND[domain], densities * BLUISH_GAIN
    x, y, pitch = grid((stains.shape[1], stains.shape[2]))
    tilt, hollow = rng.normal(0.0, SHADE[domain], 2), abs(rng.normal(0.0, SHADE[domain]))
    across, down = x[None, :] / 18, y[:, None] / 18
    shading = (1 + tilt[0] * across + tilt[1] * down - hollow * (across * across + down * down)).astype(np.float32)
    image = absorb(stains, densities.astype(np.float32), light.astype(np.float32))
    median, spread = BLUR_UM[domain]
    sigma = median * np.exp(rng.normal(0.0, spread)) / pitch
    image = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=3.0) * shading[..., None]
    image += np.float32(GRAIN_LEVEL[domain]) * rng.standard_normal(image.shape, dtype=np.float32)
    return _quantised(image)


def _quantised(image: F32) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)
