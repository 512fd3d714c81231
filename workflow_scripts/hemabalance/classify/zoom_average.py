"""Prediction of the mean over several scales of an image, for cells of a laboratory whose scale is known roughly."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hemabalance.classify.zoom import zoom_matrix


class ZoomAverage(nn.Module):
    """The logarithm of the mean probability that a network gives to an image at several scales.

    Scaling is that of `zoom.zoomed` without rounding to whole grey levels, as a product with a constant matrix on each
    side, which exports to ONNX. Must run outside of autocast.

    Args:
        network: images float32 (n, 3, size, size) in [-1, 1] to logits (n, classes).
        size: side of the images in pixels.
        factors: factors of `zoom.zoomed`, at least one.
    """

    matrices: Tensor

    def __init__(self, network: nn.Module, size: int, factors: Sequence[float]) -> None:
        super().__init__()
        self.network, self.factors = network, tuple(factors)
        # A constant: not part of the saved weights.
        matrices = torch.stack([torch.from_numpy(zoom_matrix(size, factor).copy()) for factor in factors])
        self.register_buffer("matrices", matrices, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Images (n, 3, size, size) in [-1, 1] to log-probabilities (n, classes)."""
        of_scales = []
        for matrix, factor in zip(self.matrices, self.factors, strict=True):
            scaled = images if factor == 1 else (matrix @ images @ matrix.T).clamp(-1, 1)
            of_scales.append(self.network(scaled).log_softmax(1))
        return torch.stack(of_scales).logsumexp(0) - math.log(len(of_scales))
