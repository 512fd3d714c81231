"""Similarity of mapped images to real images of the other source, and of reconstructed images to the originals."""

from typing import Any

import numpy as np

from hemabalance.metrics.ssim_psnr import psnr, ssim
from hemabalance.metrics.table_rows import distance_row, mean_row
from hemabalance.stain.normalizer import DOMAINS, other_domain
from hemabalance.stain.views import Views


def fidelity(views: Views, *, kid_subset: int, seed: int) -> list[dict[str, Any]]:
    """Distances between sets of Inception features, per domain (thesis Table 14).

    `generated`: real images of the domain compared with the other source's images mapped into its stain;
    `reconstructed`: compared with the domain's images after mapping and inverse mapping.

    Returns:
        Rows `domain, compare, n_real, n_generated, fid, kid, kid_std, reason`; a value that cannot be computed is
        None with its reason. FID of a few dozen images is biased: compare it within one table only.
    """
    rows = []
    for domain in DOMAINS:
        real = views.features["real", domain]
        compared = {"generated": ("mapped", other_domain(domain)), "reconstructed": ("reconstructed", domain)}
        for compare, key in compared.items():
            if key in views.features:
                rows.append(
                    {"domain": domain, "compare": compare}
                    | distance_row(real, views.features[key], kid_subset=kid_subset, seed=seed)
                )
    return rows


def reconstruction(views: Views, *, seed: int) -> list[dict[str, Any]]:
    """SSIM and PSNR between each image and its reconstruction, mapped and mapped back (thesis Table 15).

    Returns:
        Rows `domain, n, ssim, ssim_low, ssim_high, psnr, psnr_low, psnr_high`: means over images with 95 % intervals;
        no rows for a method without an inverse.
    """
    rows = []
    for domain in DOMAINS:
        view = views.by_domain[domain]
        if view.reconstructed is not None:
            row: dict[str, Any] = {"domain": domain, "n": len(view.real)}
            for name, values in (
                ("ssim", ssim(view.real, view.reconstructed)),
                ("psnr", psnr(view.real, view.reconstructed)),
            ):
                row |= mean_row(name, values, seed=seed)
            rows.append(row)
    return rows


def structure(views: Views, *, seed: int) -> list[dict[str, Any]]:
    """SSIM of the green channel between each image and its mapped version: normalisation should preserve structure.

    Returns:
        Rows `domain, n, ssim, ssim_low, ssim_high`, by the domain of the source.
    """
    rows = []
    for domain in DOMAINS:
        view = views.by_domain[domain]
        values = ssim(_green(view.real), _green(view.mapped))
        rows.append({"domain": domain, "n": len(view.real), **mean_row("ssim", values, seed=seed)})
    return rows


def _green(pixels: np.ndarray) -> np.ndarray:
    """The green channel, in which both stains absorb most, repeated three times."""
    return np.repeat(pixels[..., 1:2], 3, axis=3)
