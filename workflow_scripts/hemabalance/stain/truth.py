"""Comparison with the ground truth of rendered cells: the same cell rendered in the other stain."""

from typing import Any

import numpy as np

from hemabalance.metrics.colour_difference import delta_e
from hemabalance.metrics.ssim_psnr import psnr, ssim
from hemabalance.metrics.table_rows import mean_row
from hemabalance.stain.apply import transform_batches
from hemabalance.stain.normalizer import DOMAINS, Domain, Normalizer, other_domain


def truth(
    photographs: dict[Domain, np.ndarray], renderings: dict[Domain, np.ndarray], normalizer: Normalizer, *, seed: int
) -> list[dict[str, Any]]:
    """Compare mapped photographs with the true rendering of the same cells in the other stain.

    Args:
        photographs: domain -> rendered photographs of cells in that stain, RGB uint8 (n, size, size, 3).
        renderings: domain -> the same cells in the same stain, without blur, noise and colour variation.
        normalizer: fitted.
        seed: of the intervals.

    Returns:
        Rows `domain` (of the target stain)`, n` and, each with `_low` and `_high`: `delta_e` (CIEDE2000, mean over
        pixels), `ssim`, `psnr`, and `delta_e_untouched` of the photographs before mapping.
    """
    rows = []
    for domain in DOMAINS:
        pixels, rendering = photographs[other_domain(domain)], renderings[domain]
        mapped, _ = transform_batches(normalizer, pixels, to=domain, what=f"pairs to {domain}")
        row: dict[str, Any] = {"domain": domain, "n": len(pixels)}
        for name, values in (
            ("delta_e", delta_e(mapped, rendering)),
            ("delta_e_untouched", delta_e(pixels, rendering)),
            ("ssim", ssim(mapped, rendering)),
            ("psnr", psnr(mapped, rendering)),
        ):
            row |= mean_row(name, values, seed=seed)
        rows.append(row)
    return rows
