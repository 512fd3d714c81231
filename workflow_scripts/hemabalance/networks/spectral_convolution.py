"""A convolution with spectral normalisation (Miyato et al. 2018, arXiv:1802.05957)."""

import torch
from torch import Tensor, nn
from torch.nn import functional


class SpectralConvolution(nn.Conv2d):
    """A convolution divided by its largest singular value: (n, in_channels, h, w) to (n, out_channels, h', w').

    One power iteration per forward pass in training, none in evaluation. PyTorch's wrapper would sample its first
    vector from the global random state and hide the weight from `layers.initialise`.
    """

    left: Tensor
    """(out_channels,), left vector of the power iteration; normalised at use, so vectors of two trainings may be
    averaged."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel: int, stride: int, padding: int = 1, bias: bool = True
    ) -> None:
        super().__init__(in_channels, out_channels, kernel, stride=stride, padding=padding, bias=bias)
        self.register_buffer("left", torch.ones(out_channels))

    def forward(self, x: Tensor) -> Tensor:
        """The convolution of (n, in_channels, h, w)."""
        matrix = self.weight.flatten(1)
        with torch.no_grad():
            left = functional.normalize(self.left, dim=0)
            right = functional.normalize(matrix.T @ left, dim=0)
            if self.training:
                left = functional.normalize(matrix @ right, dim=0)
                self.left.copy_(left)
        y: Tensor = self._conv_forward(x, self.weight / (left @ (matrix @ right)), self.bias)
        return y
