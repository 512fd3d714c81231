"""Inception features of images, used by FID, KID and one of the probes."""

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
    """The 2048 pool features of torch-fidelity's InceptionV3, in float32 independent of the process's precision."""

    def __init__(self, weights: Path, device: str | torch.device, batch: int) -> None:
        """Load the network.

        Args:
            weights: file written by `inception_weights.WEIGHTS.fetch`.
            device: PyTorch device, such as `cpu` or `cuda`.
            batch: images per batch, at least 1; affects features by float32 rounding only.

        Raises:
            InputError: the file is missing, damaged, or holds other weights.
        """
        tensors = {name: torch.from_numpy(values) for name, values in WEIGHTS.load(weights).items()}
        self._network = build_without_weights()
        self._network.load_state_dict(tensors, assign=True)
        # Folding and channels_last make a CPU more than twice as fast; results agree to the last few bits.
        self._network.fold()
        self._network.to(device, memory_format=torch.channels_last)
        self._device, self._batch = torch.device(device), batch

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Features of RGB images.

        Args:
            images: uint8 (n, h, w, 3); resized to 299 pixels as FID defines it.

        Returns:
            float32 (n, 2048), non-negative.
        """
        features = np.empty((len(images), WIDTH), np.float32)
        rows = progress(self._rows(images), total=len(images), what="Inception features")
        for k, row in enumerate(rows):
            features[k] = row
        return features

    def _rows(self, images: np.ndarray) -> Iterator[np.ndarray]:
        for start in range(0, len(images), self._batch):
            # A copy, since torch warns about read-only memory maps.
            batch = torch.tensor(images[start : start + self._batch], device=self._device)
            yield from self._forward(batch.permute(0, 3, 1, 2)).cpu().numpy()

    @torch.inference_mode()
    def _forward(self, batch: Tensor) -> Tensor:
        # No TF32 in CUDA convolutions, no 16-bit autocast of the caller.
        full_precision = torch.backends.cudnn.flags(
            enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee"
        )
        with full_precision, torch.autocast(self._device.type, enabled=False):
            features: Tensor = self._network(batch)[0]
        return features
