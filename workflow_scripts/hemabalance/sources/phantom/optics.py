"""Turn stain concentrations into photographs: Beer-Lambert absorption, then the nuisances of a laboratory.

A dye absorbs the same share of light per unit of its concentration c: I = I0 * 10^(-c * OD) in each colour channel
(Ruifrok and Johnston 2001, Anal. Quant. Cytol. Histol. 23:291). With several dyes their optical densities add.
"""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from hemabalance.sources.phantom.fields import grid
from hemabalance.sources.phantom.looks import STAINS, StainDomain, look_of

F32 = NDArray[np.float32]

EOSIN, AZURE, BLUE, AZUROPHIL, ACIDOPHIL, HAEMOGLOBIN = range(6)

BLUISH_BACKGROUND = np.array((226.0, 222.0, 236.0), np.float32)
BLUISH_GAIN = np.array((0.85, 0.95, 0.45), np.float32)  # factor of OD per channel in the bluish variant

COMMON_STAIN, SINGLE_STAIN, HUE = 0.12, 0.08, 0.035  # log-standard deviations of concentrations; relative, of OD


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
    look = look_of(domain)
    if not nuisance:
        return _quantised(absorb(stains, look.densities, look.background))
    rng = np.random.default_rng([seed, index, look.stream])
    strength = np.exp(rng.normal(0.0, COMMON_STAIN) + rng.normal(0.0, SINGLE_STAIN, len(STAINS)))
    densities = look.densities * (strength[:, None] * rng.normal(1.0, HUE, (len(STAINS), 3)))
    light = look.background * rng.normal(1.0, look.tint) * rng.normal(1.0, look.tint / 3, 3)
    if rng.random() < look.dim_share:
        light = light * rng.uniform(0.75, 0.95)
    if bluish:
        light, densities = light * BLUISH_BACKGROUND / look.background, densities * BLUISH_GAIN
    x, y, pitch = grid((stains.shape[1], stains.shape[2]))
    tilt, hollow = rng.normal(0.0, look.shade, 2), abs(rng.normal(0.0, look.shade))
    across, down = x[None, :] / 18, y[:, None] / 18
    shading = (1 + tilt[0] * across + tilt[1] * down - hollow * (across * across + down * down)).astype(np.float32)
    image = absorb(stains, densities.astype(np.float32), light.astype(np.float32))
    median, spread = look.blur
    sigma = median * np.exp(rng.normal(0.0, spread)) / pitch
    image = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="nearest", truncate=3.0) * shading[..., None]
    image += np.float32(look.grain) * rng.standard_normal(image.shape, dtype=np.float32)
    return _quantised(image)


def _quantised(image: F32) -> NDArray[np.uint8]:
    return np.rint(np.clip(image, 0, 255)).astype(np.uint8)
