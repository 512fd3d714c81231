"""Image features of a fixed network trained on ImageNet: the baseline for trained classifiers."""

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
"""Least side of an image in pixels: the network halves the resolution five times."""

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of RGB in [0, 1] with which its images are normalised."""


class ImageNetFeatures:
    """Last feature map of torchvision's MobileNetV2 (Sandler et al. 2018, arXiv:1801.04381), averaged over positions.

    Computed in float32, independent of the precision settings of the process.

    Attributes:
        input_size: see the constructor.
    """

    def __init__(
        self, weights: Mapping[str, np.ndarray], input_size: int, device: str | torch.device, batch: int
    ) -> None:
        """Build the network.

        Args:
            weights: as returned by `imagenet_weights.WEIGHTS.load`.
            input_size: side in pixels to which images are resized (bilinear, antialiased), at least 32. The network was
                trained with 224; smaller sizes are faster.
            device: PyTorch device, such as `cpu` or `cuda`.
            batch: images per batch, at least 1; affects features by float32 rounding only.
        """
        self.input_size = input_size
        self._network = build_without_weights()
        self._network.load_state_dict({k: torch.from_numpy(np.array(v)) for k, v in weights.items()}, assign=True)
        self._network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        self._device, self._batch = torch.device(device), batch
        self._mean, self._std = (torch.tensor(v, device=self._device).view(3, 1, 1) for v in (MEAN, STD))

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
        """The weights that were passed to the constructor."""
        return {name: value.cpu().numpy() for name, value in self._network.state_dict().items()}

    def _rows(self, images: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(images), self._batch):
            # A copy, since torch warns about read-only memory maps.
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
    """The network without its classifier, with shapes but no storage: load weights with `assign=True`."""
    with torch.device("meta"):
        network: nn.Module = mobilenet_v2(weights=None).eval()
    network.classifier = nn.Identity()
    return network
