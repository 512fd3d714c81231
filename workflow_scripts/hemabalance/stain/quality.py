"""How near mapped images come to the other source's real ones, and reconstructed ones to what they were."""

from typing import Any

import numpy as np

from hemabalance.metrics.ssim_psnr import psnr, ssim
from hemabalance.metrics.table_rows import distance_row, mean_row
from hemabalance.stain.normalizer import DOMAINS, Domain, other_domain
from hemabalance.stain.views import Views


def fidelity(views: Views, *, kid_subset: int, seed: int) -> list[dict[str, Any]]:
    """Distances between sets of Inception features, per domain (thesis Table 14).

    `generated`: real images of the domain against the other source's images mapped into its stain; `reconstructed`:
    against its own images there and back.

    Returns:
        Rows `domain, compare, n_real, n_generated, fid, kid, kid_std, reason`; a value that cannot be computed is
        None with its reason.
    """
    found = []
    for domain in DOMAINS:
        real = views.features["real", domain]
        for compare, key in (("generated", ("mapped", other_domain(domain))), ("reconstructed", ("reconstructed", domain))):
            if key in views.features:
                found.append(
                    {"domain": domain, "compare": compare}
                    | distance_row(real, views.features[key], kid_subset=kid_subset, seed=seed)
                )
    return found


def reconstruction(views: Views, *, seed: int) -> list[dict[str, Any]]:
    """SSIM and PSNR between each image and itself there and back (thesis Table 15).

    Returns:
        Rows `domain, n, ssim, ssim_low, ssim_high, psnr, psnr_low, psnr_high`: means over images with 95 % intervals;
        none for a method without an inverse.
    """
    found = []
    for domain in DOMAINS:
        view = views.of[domain]
        if view.reconstructed is not None:
            row: dict[str, Any] = {"domain": domain, "n": len(view.real)}
            for name, values in (
                ("ssim", ssim(view.real, view.reconstructed)),
                ("psnr", psnr(view.real, view.reconstructed)),
            ):
                row |= mean_row(name, values, seed=seed)
            found.append(row)
    return found


def structure(views: Views, *, seed: int) -> list[dict[str, Any]]:
    """SSIM of the lightness between each image and its mapped self: what a change of stain should leave alone.

    Returns:
        Rows `domain, n, ssim, ssim_low, ssim_high`, by the domain of the source.
    """
    found = []
    for domain in DOMAINS:
        view = views.of[domain]
        values = ssim(_green(view.real), _green(view.mapped))
        found.append({"domain": domain, "n": len(view.real), **mean_row("ssim", values, seed=seed)})
    return found


def _green(pixels: np.ndarray) -> np.ndarray:
    """The green channel, where both stains absorb most, thrice."""
    return np.repeat(pixels[..., 1:2], 3, axis=3)


def domains_of(views: Views) -> dict[Domain, int]:
    """How many images of each source were measured on."""
    return {domain: len(views.of[domain].real) for domain in DOMAINS}
