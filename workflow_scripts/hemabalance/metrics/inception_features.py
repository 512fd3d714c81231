"""Inception features of images: what FID, KID and one of the probes are computed on."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from hemabalance.metrics.inception import build_without_weights
from hemabalance.metrics.inception_weights import WEIGHTS
from hemabalance.progress import progress

WIDTH = 2048


class InceptionFeatures:
    """The 2048 pool features of torch-fidelity's InceptionV3, in float32 whatever else the process computes in."""

    def __init__(self, weights: Path, device: str | torch.device, batch: int) -> None:
        """Load the network.

        Args:
            weights: file written by `inception_weights.WEIGHTS.fetch`.
            device: where to compute, such as `cpu` or `cuda`.
            batch: images at a time, at least 1; features do not depend on it beyond float32 rounding.

        Raises:
            InputError: the weights are missing, damaged or others.
        """
        tensors = {name: torch.from_numpy(values) for name, values in WEIGHTS.load(weights).items()}
        self._network = build_without_weights()
        self._network.load_state_dict(tensors, assign=True)
        # Together more than twice as fast on a processor, and the same to the last few bits.
        self._network.fold()
        self._network.to(device, memory_format=torch.channels_last)
        self._device, self._batch = torch.device(device), batch

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of RGB images.

        Args:
            images: uint8 (n, h, w, 3); resized to 299 pixels as the metric defines it.

        Returns:
            float32 (n, 2048), not negative.
        """
        features = np.empty((len(images), WIDTH), np.float32)
        rows = progress(self._rows(images), total=len(images), what="Inception features")
        for k, row in enumerate(rows):
            features[k] = row
        return features

    def _rows(self, images: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(images), self._batch):
            # A copy: a memory map cannot be written to, which torch warns about.
            batch = torch.tensor(images[start : start + self._batch], device=self._device)
            yield from self._forward(batch.permute(0, 3, 1, 2)).cpu().numpy()

    @torch.inference_mode()
    def _forward(self, batch: Tensor) -> Tensor:
        # CUDA's convolutions would otherwise round to TF32, and an autocast around the caller to 16 bits.
        full_precision = torch.backends.cudnn.flags(
            enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee"
        )
        with full_precision, torch.autocast(self._device.type, enabled=False):
            features: Tensor = self._network(batch)[0]
        return features
