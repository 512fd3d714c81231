"""How different images look: LPIPS (Zhang et al. 2018, arXiv:1801.03924), AlexNet, version 0.1."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, relu

from hemabalance.metrics.full_precision import full_precision
from hemabalance.metrics.lpips_weights import CONVOLUTIONS, WEIGHTS

SMALLEST = 64
"""Images of a shorter side are enlarged to this one first.

AlexNet takes no fewer than 31 pixels, and up to 46 its last three maps have a single place each, that mostly sees
padding. LPIPS was fitted to what people say of patches of 64 pixels, so a cell of 32 is shown to it at that size: of
photographed cells halved to 32 pixels, pairs then rank as they did at 64 (Spearman 0.95; without enlarging 0.73).
"""

_CHANNELS = (64, 192, 384, 256, 256)
_STRIDES = (4, 1, 1, 1, 1)
_PADDINGS = (2, 2, 1, 1, 1)
_POOLED = (False, True, True, False, False)  # 3x3 with stride 2, before the convolution
# The mean and deviation of ImageNet on pixels in -1..1, as the reference has them.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_NEVER_ZERO = 1e-10


class LPIPSModel:
    """LPIPS distances, and embeddings whose squared Euclidean distances they are; in float32 throughout.

    Attributes:
        device: where it computes.
    """

    def __init__(self, weights: Path, device: str | torch.device, batch: int) -> None:
        """Load the network.

        Args:
            weights: file written by `lpips_weights.WEIGHTS.fetch`.
            device: where to compute, such as `cpu` or `cuda`.
            batch: images at a time, at least 1; results do not depend on it beyond float32 rounding.

        Raises:
            InputError: the weights are missing, damaged or others.
        """
        self.device, self._batch = torch.device(device), batch
        self._weights = {k: torch.from_numpy(v).to(self.device) for k, v in WEIGHTS.load(weights).items()}
        self._shift, self._scale = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (_SHIFT, _SCALE))

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Embeddings of RGB images: |embed(a) - embed(b)|^2 is the LPIPS distance of a and b.

        Args:
            images: uint8 (n, h, w, 3); with a side under 64 pixels they are enlarged first (see `SMALLEST`).

        Returns:
            float32 (n, k) with k = `width(h, w)`: each layer's maps, of unit length over channels, times the root of
            the linear head over the number of places.
        """
        _check(images)
        found = np.empty((len(images), width(*images.shape[1:3])), np.float32)
        for start, stop in self._batches(len(images)):
            found[start:stop] = self._forward(images[start:stop]).cpu().numpy()
        return found

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """LPIPS of pairs of images; about 0 for alike and 1 for very different ones.

        Args:
            a: uint8 (n, h, w, 3), RGB.
            b: the same shape.

        Returns:
            float32 (n,), not negative; 0 for identical images.
        """
        _check(a)
        _check(b)
        if a.shape != b.shape:
            raise ValueError(f"pairs of images are needed, not {a.shape} and {b.shape}")
        found = np.empty(len(a), np.float32)
        for start, stop in self._batches(len(a)):
            difference = self._forward(a[start:stop]) - self._forward(b[start:stop])
            found[start:stop] = difference.square().sum(dim=1).cpu().numpy()
        return found

    def _batches(self, n: int) -> Iterator[tuple[int, int]]:
        return ((start, min(start + self._batch, n)) for start in range(0, n, self._batch))

    @torch.inference_mode()
    def _forward(self, images: np.ndarray) -> Tensor:
        with full_precision(self.device):
            # A copy: a memory map cannot be written to, which torch warns about.
            maps = (
                torch.tensor(np.ascontiguousarray(images), device=self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
            )
            if images.shape[1:3] != (size := _enlarged(*images.shape[1:3])):
                maps = interpolate(maps, size=size, mode="bilinear", align_corners=False)
            maps = (maps - self._shift) / self._scale
            parts = []
            for i, k in enumerate(CONVOLUTIONS):
                if _POOLED[i]:
                    maps = max_pool2d(maps, 3, 2)
                weight, bias = self._weights[f"features.{k}.weight"], self._weights[f"features.{k}.bias"]
                maps = relu(conv2d(maps, weight, bias, _STRIDES[i], _PADDINGS[i]))
                parts.append(self._part(maps, i))
            return torch.cat(parts, dim=1)

    def _part(self, maps: Tensor, i: int) -> Tensor:
        length = maps.square().sum(dim=1, keepdim=True).sqrt() + _NEVER_ZERO
        places = maps.shape[2] * maps.shape[3]
        return (maps / length * (self._weights[f"linear.{i}"] / places).sqrt().view(-1, 1, 1)).flatten(1)


def width(h: int, w: int) -> int:
    """Length of an embedding of images of this size: 31,872 up to 64 pixels square, 148,608 at 128, 640,128 at 256."""
    sides, total = np.array(_enlarged(h, w)), 0
    for i, channels in enumerate(_CHANNELS):
        if i == 0:
            sides = (sides - 7) // 4 + 1
        if _POOLED[i]:
            sides = (sides - 3) // 2 + 1
        total += channels * int(sides.prod())
    return total


def _enlarged(h: int, w: int) -> tuple[int, int]:
    factor = max(1.0, SMALLEST / min(h, w))
    return round(h * factor), round(w * factor)


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"uint8 images (n, h, w, 3) are needed, not {images.dtype} {images.shape}")
