"""Mixed pairs of training images: mixup and CutMix."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor


@dataclass(frozen=True)
class Mixed:
    """A batch in which each image is mixed with another one of the batch.

    Attributes:
        images: float32 (n, c, s, s).
        partner: int64 (n,) on the CPU, the index of the image that each one is mixed with.
        share: share of the image's own target; that of its partner's is 1 - share.
    """

    images: Tensor
    partner: Tensor
    share: float

    def of_targets(self, losses: Tensor, partner_losses: Tensor) -> Tensor:
        """The loss of each image from those of its own target and of its partner's, both (n,)."""
        return self.share * losses + (1 - self.share) * partner_losses


def mix(images: Tensor, kind: Literal["mixup", "cutmix"], alpha: float, rng: np.random.Generator) -> Mixed:
    """Mix each image with another one of the batch; one share, and one rectangle, for the whole batch.

    mixup (Zhang et al., ICLR 2018, arXiv:1710.09412): share x + (1 - share) x_partner. CutMix (Yun et al., ICCV 2019,
    arXiv:1905.04899): a rectangle of the partner's image, with an area of 1 - share before it is cut at the edges,
    replaces that of the image; the share of the targets is that of the pixels that remain.

    Args:
        images: float32 (n, c, s, s).
        kind: mixup or CutMix.
        alpha: the share is drawn from Beta(alpha, alpha).
        rng: random generator.
    """
    share = float(rng.beta(alpha, alpha))
    partner = torch.from_numpy(rng.permutation(len(images)))
    others = images[partner.to(images.device)]
    if kind == "mixup":
        return Mixed(share * images + (1 - share) * others, partner, share)
    side = images.shape[-1]
    half = side * math.sqrt(1 - share) / 2
    (top, bottom), (left, right) = (
        (round(max(centre - half, 0)), round(min(centre + half, side))) for centre in rng.uniform(0, side, 2)
    )
    pasted = images.clone()
    pasted[..., top:bottom, left:right] = others[..., top:bottom, left:right]
    return Mixed(pasted, partner, 1 - (bottom - top) * (right - left) / side**2)
