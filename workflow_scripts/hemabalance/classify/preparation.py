"""Preprocessing of a network's input: resizing to its input size and normalisation of colours."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Preparation(nn.Module):
    """float32 (n, 3, size, size) in [-1, 1] to (n, 3, input_size, input_size), normalised, channels last.

    Resizing is bilinear, with antialiasing when it shrinks: `functional.interpolate` expressed as a product with a
    constant matrix on each side, which gives the same result on every device and exports to ONNX without a special
    operator. Must run outside of autocast. The channels-last layout carries over to all feature maps. The weights keep
    the default layout: with channels-last weights PyTorch returns wrong bfloat16 gradients on the CPU in some cases
    (depth-wise convolution of a map of one pixel).

    Args:
        size: side of the images in pixels.
        input_size: input side of the network in pixels.
        mean: mean of each channel of RGB in [0, 1], which is subtracted.
        std: standard deviation of each channel, by which is divided; 0.5 for all six numbers keeps colours in [-1, 1].
    """

    resize: Tensor | None
    shift: Tensor
    scale: Tensor

    def __init__(self, size: int, input_size: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        matrix = None
        if input_size != size:
            identity = torch.eye(size)[None, None]
            matrix = functional.interpolate(identity, (input_size, size), mode="bilinear", antialias=True)[0, 0]
        # Constants: not part of the saved weights.
        self.register_buffer("resize", matrix, persistent=False)
        self.register_buffer("shift", 2 * torch.tensor(mean).view(3, 1, 1) - 1, persistent=False)
        self.register_buffer("scale", 2 * torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Resize and normalise; see the class."""
        if self.resize is not None:
            images = self.resize @ images @ self.resize.T
        return ((images - self.shift) / self.scale).contiguous(memory_format=torch.channels_last)
