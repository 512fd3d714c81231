"""Perceptual distance of images: LPIPS (Zhang et al. 2018, arXiv:1801.03924), AlexNet, version 0.1."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import conv2d, interpolate, max_pool2d, relu

from hemabalance.metrics.full_precision import full_precision
from hemabalance.metrics.lpips_weights import CONVOLUTIONS, WEIGHTS

SMALLEST = 64
"""Images with a shorter side are first enlarged to this side, in pixels.

AlexNet needs at least 31 pixels, and up to 46 pixels its last three maps have a single position each, which mostly sees
padding. LPIPS was fitted to human judgements of 64-pixel patches, so smaller images are enlarged to that size: for
photographed cells reduced to 32 pixels, the ranking of pairs then agrees with that at 64 (Spearman 0.95; 0.73 without
enlarging).
"""

_CHANNELS = (64, 192, 384, 256, 256)
_STRIDES = (4, 1, 1, 1, 1)
_PADDINGS = (2, 2, 1, 1, 1)
_POOLED = (False, True, True, False, False)  # 3x3 with stride 2, before the convolution
# Mean and standard deviation of ImageNet pixels in -1..1, with the digits of the reference implementation.
_SHIFT = (-0.030, -0.088, -0.188)
_SCALE = (0.458, 0.448, 0.450)
_EPSILON = 1e-10


class LPIPSModel:
    """LPIPS distances, and embeddings whose squared Euclidean distances equal LPIPS; computed in float32.

    Attributes:
        device: PyTorch device of the network.
    """

    def __init__(self, weights: Path, device: str | torch.device, batch: int) -> None:
        """Load the network.

        Args:
            weights: file written by `lpips_weights.WEIGHTS.fetch`.
            device: PyTorch device, such as `cpu` or `cuda`.
            batch: images per batch, at least 1; affects results by float32 rounding only.

        Raises:
            InputError: the file is missing, damaged, or holds other weights.
        """
        self.device, self._batch = torch.device(device), batch
        self._weights = {k: torch.from_numpy(v).to(self.device) for k, v in WEIGHTS.load(weights).items()}
        self._shift, self._scale = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (_SHIFT, _SCALE))

    def embed(self, images: np.ndarray) -> np.ndarray:
        """Embeddings of RGB images: |embed(a) - embed(b)|^2 is the LPIPS distance of a and b.

        Args:
            images: uint8 (n, h, w, 3); images with a side under 64 pixels are enlarged first (see `SMALLEST`).

        Returns:
            float32 (n, k) with k = `width(h, w)`: the maps of each layer, normalised to unit length over channels,
            times the square root of (linear head / number of positions).
        """
        _check(images)
        results = np.empty((len(images), width(*images.shape[1:3])), np.float32)
        for start, stop in self._batches(len(images)):
            results[start:stop] = self._forward(images[start:stop]).cpu().numpy()
        return results

    def distances(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """LPIPS of pairs of images; about 0 for similar and 1 for very different images.

        Args:
            a: uint8 (n, h, w, 3), RGB.
            b: uint8 of the same shape.

        Returns:
            float32 (n,), non-negative; 0 for identical images.

        Raises:
            ValueError: the shapes differ, or the arrays are not RGB uint8.
        """
        _check(a)
        _check(b)
        if a.shape != b.shape:
            raise ValueError(f"images must come in pairs, not as {a.shape} and {b.shape}")
        results = np.empty(len(a), np.float32)
        for start, stop in self._batches(len(a)):
            difference = self._forward(a[start:stop]) - self._forward(b[start:stop])
            results[start:stop] = difference.square().sum(dim=1).cpu().numpy()
        return results

    def _batches(self, n: int) -> Iterator[tuple[int, int]]:
        return ((start, min(start + self._batch, n)) for start in range(0, n, self._batch))

    @torch.inference_mode()
    def _forward(self, images: np.ndarray) -> Tensor:
        with full_precision(self.device):
            # A copy, since torch warns about read-only memory maps.
            maps = (
                torch.tensor(np.ascontiguousarray(images), device=self.device).permute(0, 3, 1, 2).float() / 127.5 - 1
            )
            if images.shape[1:3] != (size := _network_size(*images.shape[1:3])):
                maps = interpolate(maps, size=size, mode="bilinear", align_corners=False)
            maps = (maps - self._shift) / self._scale
            layers = []
            for i, k in enumerate(CONVOLUTIONS):
                if _POOLED[i]:
                    maps = max_pool2d(maps, 3, 2)
                weight, bias = self._weights[f"features.{k}.weight"], self._weights[f"features.{k}.bias"]
                maps = relu(conv2d(maps, weight, bias, _STRIDES[i], _PADDINGS[i]))
                layers.append(self._layer_embedding(maps, i))
            return torch.cat(layers, dim=1)

    def _layer_embedding(self, maps: Tensor, i: int) -> Tensor:
        length = maps.square().sum(dim=1, keepdim=True).sqrt() + _EPSILON
        positions = maps.shape[2] * maps.shape[3]
        return (maps / length * (self._weights[f"linear.{i}"] / positions).sqrt().view(-1, 1, 1)).flatten(1)


def width(h: int, w: int) -> int:
    """Embedding length for images of h x w pixels: 31,872 up to 64 x 64, 148,608 at 128 x 128, 640,128 at 256 x 256."""
    sides, total = np.array(_network_size(h, w)), 0
    for i, channels in enumerate(_CHANNELS):
        if i == 0:
            sides = (sides - 7) // 4 + 1
        if _POOLED[i]:
            sides = (sides - 3) // 2 + 1
        total += channels * int(sides.prod())
    return total


def _network_size(h: int, w: int) -> tuple[int, int]:
    factor = max(1.0, SMALLEST / min(h, w))
    return round(h * factor), round(w * factor)


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be uint8 (n, h, w, 3), not {images.dtype} {images.shape}")
