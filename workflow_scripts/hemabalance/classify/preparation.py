"""From the working size to what a network was made for: its input size, and its colours' mean and spread."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


class Preparation(nn.Module):
    """float32 (n, 3, size, size) in [-1, 1] to (n, 3, input_size, input_size), normalised, channels last.

    Resizing is bilinear and, where it shrinks, antialiased: `functional.interpolate` written as a product with a
    constant matrix on either side, which is the same on every device and needs no special operator when exported.
    Belongs outside of autocast. The images' layout carries over to all maps. Weights stay as they are: of channels-last
    ones PyTorch on a processor leaves rubbish in some bfloat16 gradients (depth-wise convolution, a map of one pixel).

    Args:
        size: side of the images, in pixels.
        input_size: what the network gets, in pixels.
        mean: of each channel of RGB in [0, 1], taken off.
        std: what is divided by; with 0.5 for all six numbers colours stay in [-1, 1].
    """

    resize: Tensor | None
    shift: Tensor
    scale: Tensor

    def __init__(self, size: int, input_size: int, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        matrix = None
        if input_size != size:
            columns = torch.eye(size)[None, None]
            matrix = functional.interpolate(columns, (input_size, size), mode="bilinear", antialias=True)[0, 0]
        # None of these belongs to what training finds.
        self.register_buffer("resize", matrix, persistent=False)
        self.register_buffer("shift", 2 * torch.tensor(mean).view(3, 1, 1) - 1, persistent=False)
        self.register_buffer("scale", 2 * torch.tensor(std).view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """As the class says."""
        if self.resize is not None:
            images = self.resize @ images @ self.resize.T
        return ((images - self.shift) / self.scale).contiguous(memory_format=torch.channels_last)
