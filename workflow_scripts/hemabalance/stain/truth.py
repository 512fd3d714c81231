"""Ground truth that only rendered cells have: the normalised image against the same cell in the other stain."""

from typing import Any

import numpy as np

from hemabalance.metrics.colour_difference import delta_e
from hemabalance.metrics.ssim_psnr import psnr, ssim
from hemabalance.metrics.table_rows import mean_row
from hemabalance.stain.apply import transformed
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, other_domain


def truth(
    photographs: dict[Domain, np.ndarray], renderings: dict[Domain, np.ndarray], normalizer: Normalizer, *, seed: int
) -> list[dict[str, Any]]:
    """Compare mapped photographs with the true rendering of the same cells in the other stain.

    Args:
        photographs: domain -> cells as that laboratory would photograph them, RGB uint8 (n, size, size, 3).
        renderings: domain -> the same cells in the reference look of that stain, without blur, noise and variation.
        normalizer: fitted.
        seed: of the intervals.

    Returns:
        Rows `domain` (of the stain arrived at)`, n` and, each with `_low` and `_high`: `delta_e` (CIEDE2000, mean over
        pixels), `ssim`, `psnr`, and `delta_e_untouched` of the photographs as they were.
    """
    found = []
    for domain in DOMAINS:
        photographed, truth_pixels = photographs[other_domain(domain)], renderings[domain]
        made, _ = transformed(normalizer, photographed, to=domain, what=f"pairs to {domain}")
        row: dict[str, Any] = {"domain": domain, "n": len(photographed)}
        for name, values in (
            ("delta_e", delta_e(made, truth_pixels)),
            ("delta_e_untouched", delta_e(photographed, truth_pixels)),
            ("ssim", ssim(made, truth_pixels)),
            ("psnr", psnr(made, truth_pixels)),
        ):
            row |= mean_row(name, values, seed=seed)
        found.append(row)
    return found
