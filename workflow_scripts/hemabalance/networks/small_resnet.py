"""A small residual classifier, fast enough to be trained wherever images must be judged."""

from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import check_positive, check_size

_NAME = "small ResNet"


class _Basic(nn.Module):
    """Basic block of He et al. 2016: two 3x3 convolutions; a 1x1 convolution as shortcut where the shape changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            nn.BatchNorm2d(out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        # A 1x1 convolution of stride 2 reads every second pixel. They are picked first, because with AVX2 the gradient
        # of such a convolution with fewer than 8 input channels writes past its memory (oneDNN, issue 6035).
        return functional.relu(self.body(x) + self.shortcut(x[:, :, :: self.stride, :: self.stride]))


class SmallResnet(nn.Module):
    """(n, 3, h, w) in [-1, 1] to logits (n, classes); He, Zhang, Ren, Sun, CVPR 2016, arXiv:1512.03385.

    A 3x3 stem of stride 2 and four stages of one basic block each, `width` to 8 `width` channels, all but the first
    of stride 2; batch normalisation, global average pooling, one linear layer. The stem is between the paper's two (7x7
    with pooling for 224 px, and stride 1 for 32 px), because it is meant for 64 px; any size from 16 px on works.
    """

    min_size: ClassVar[int] = 16

    def __init__(self, classes: int, width: int) -> None:
        """Build for any image size.

        Args:
            classes: number of logits.
            width: channels of the stem.

        Raises:
            ValueError: classes or width below one.
        """
        super().__init__()
        check_positive(_NAME, classes=classes, width=width)
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        )
        self.stages = nn.Sequential(
            _Basic(width, width, 1),
            _Basic(width, 2 * width, 2),
            _Basic(2 * width, 4 * width, 2),
            _Basic(4 * width, 8 * width, 2),
        )
        self.head: nn.Module = nn.Linear(8 * width, classes)

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) to logits (n, classes).

        Raises:
            ValueError: not three channels, or images under 16 px.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"{_NAME}: expected images of shape (n, 3, h, w), got {tuple(x.shape)}")
        check_size(_NAME, min(x.shape[2:]), self.min_size, 1)
        logits: Tensor = self.head(self.stages(self.stem(x)).mean(dim=(2, 3)))
        return logits
