"""Features of images that a network learned on ImageNet and keeps: the line that any training must beat."""

from collections.abc import Iterator, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.metrics.full_precision import full_precision
from hemabalance.progress import progress
from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()

from torchvision.models import mobilenet_v2  # noqa: E402

WIDTH = 1280
SMALLEST = 32
"""In pixels: the network halves an image five times."""

_MEAN, _STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


class ImageNetFeatures:
    """The last map of torchvision's MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), averaged over places.

    Float32 whatever else the process computes in.

    Attributes:
        input_size: see the constructor.
    """

    def __init__(
        self, weights: Mapping[str, np.ndarray], input_size: int, device: str | torch.device, batch: int
    ) -> None:
        """Build the network.

        Args:
            weights: what `imagenet_weights.WEIGHTS.load` gave.
            input_size: side that images are brought to first, in pixels, bilinear and antialiased; 224 is what it
                learned with, fewer are faster, from 32 on.
            device: where to compute, such as `cpu` or `cuda`.
            batch: images at a time, at least 1; features do not depend on it beyond float32 rounding.
        """
        self.input_size = input_size
        self._network = build_without_weights()
        self._network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()}, assign=True)
        self._network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device, self._batch = torch.device(device), batch
        self._mean, self._std = (torch.tensor(v, device=self._device).view(3, 1, 1) for v in (_MEAN, _STD))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of RGB images.

        Args:
            images: uint8 (n, h, w, 3).

        Returns:
            float32 (n, 1280), from 0 to 6.
        """
        features = np.empty((len(images), WIDTH), np.float32)
        for k, row in enumerate(progress(self._rows(images), total=len(images), what="ImageNet features")):
            features[k] = row
        return features

    def weights(self) -> dict[str, np.ndarray]:
        """What the constructor was given."""
        return {name: value.cpu().numpy() for name, value in self._network.state_dict().items()}

    def _rows(self, images: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(images), self._batch):
            # A copy: a memory map cannot be written to, which torch warns about.
            batch = torch.tensor(np.ascontiguousarray(images[start : start + self._batch]), device=self._device)
            yield from self._forward(batch.permute(0, 3, 1, 2)).cpu().numpy()

    @torch.inference_mode()
    def _forward(self, batch: Tensor) -> Tensor:
        with full_precision(self._device):
            pixels = batch.float() / 255
            side = (self.input_size, self.input_size)
            if pixels.shape[2:] != side:
                pixels = functional.interpolate(pixels, size=side, mode="bilinear", antialias=True)
            pixels = ((pixels - self._mean) / self._std).contiguous(memory_format=torch.channels_last)
            features: Tensor = self._network(pixels)
        return features


def build_without_weights() -> nn.Module:
    """The network up to its averaged last map, with shapes but no storage: weights are loaded with `assign=True`."""
    with torch.device("meta"):
        network: nn.Module = mobilenet_v2(weights=None).eval()
    network.classifier = nn.Identity()
    return network
