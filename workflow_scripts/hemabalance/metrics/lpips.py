"""Perceptual distance of images: LPIPS (Zhang et al. 2018, arXiv:1801.03924), AlexNet, version 0.1.

Network, scaling of pixels and normalisation are those of the authors' package `lpips`. Its weights are not: the package
would download AlexNet, so all tensors come from the pinned file (`lpips_weights`). The package gives distances of
pairs; the embeddings here make each distance a squared Euclidean one, which a search for neighbours needs.
"""

import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import interpolate

from hemabalance.metrics.full_precision import full_precision
from hemabalance.metrics.lpips_weights import CONVOLUTIONS, WEIGHTS
from hemabalance.metrics.pinned_tensors import Tensors
from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()

from lpips import LPIPS, normalize_tensor  # noqa: E402

SMALLEST = 64
"""Images with a shorter side are first enlarged to this side, in pixels.

AlexNet needs at least 31 pixels, and up to 46 pixels its last three maps have a single position each, which mostly sees
padding. LPIPS was fitted to human judgements of 64-pixel patches, so smaller images are enlarged to that size: for
photographed cells reduced to 32 pixels, the ranking of pairs then agrees with that at 64 (Spearman 0.95; 0.73 without
enlarging).
"""


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
        self._network = load_network(WEIGHTS.load(weights)).to(self.device)

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
            layers = self._network.net(self._network.scaling_layer(maps))
            pairs = zip(layers, self._network.lins, strict=True)
            return torch.cat([_layer_embedding(maps, head.model[-1].weight) for maps, head in pairs], dim=1)


def load_network(tensors: Tensors) -> LPIPS:
    """The package's network in evaluation mode, on the CPU, with the tensors of `lpips_weights.WEIGHTS`."""
    network = _build_without_weights()
    # Weights by the package's names. It slices AlexNet after each convolution's ReLU and keeps torchvision's indices
    # (slice2.3 is features.3). Each head exists twice, as lin0 and as lins.0; before its convolution is a dropout.
    state = {name: value for name, value in network.state_dict().items() if name.startswith("scaling_layer.")}
    for i, k in enumerate(CONVOLUTIONS):
        for part in ("weight", "bias"):
            state[f"net.slice{i + 1}.{k}.{part}"] = torch.from_numpy(tensors[f"features.{k}.{part}"])
        head = torch.from_numpy(tensors[f"linear.{i}"]).view(1, -1, 1, 1)
        state |= {f"lin{i}.model.1.weight": head, f"lins.{i}.model.1.weight": head}
    network.load_state_dict(state, strict=True, assign=True)
    return network


def _build_without_weights() -> LPIPS:
    """The network with shapes but no storage, so that no random numbers are drawn; nothing is downloaded."""
    with torch.device("meta"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package passes arguments that torchvision has deprecated
        return LPIPS(pretrained=False, pnet_rand=True, net="alex", version="0.1", verbose=False)


def _layer_embedding(maps: Tensor, head: Tensor) -> Tensor:
    positions = maps.shape[2] * maps.shape[3]
    embedding: Tensor = normalize_tensor(maps).mul_((head / positions).sqrt()).flatten(1)
    return embedding


@cache
def width(h: int, w: int) -> int:
    """Embedding length for images of h x w pixels: 31,872 up to 64 x 64, 148,608 at 128 x 128, 640,128 at 256 x 256."""
    layers = _build_without_weights().net(torch.empty((1, 3, *_network_size(h, w)), device="meta"))
    return sum(layer.numel() for layer in layers)


def _network_size(h: int, w: int) -> tuple[int, int]:
    factor = max(1.0, SMALLEST / min(h, w))
    return round(h * factor), round(w * factor)


def _check(images: np.ndarray) -> None:
    if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
        raise ValueError(f"images must be uint8 (n, h, w, 3), not {images.dtype} {images.shape}")
