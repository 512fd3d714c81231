"""A small residual classifier, fast enough to be trained wherever images must be judged."""

from typing import Literal, get_args

from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import check_positive, check_size, group_norm, instance_norm

Norm = Literal["batch", "group", "instance"]

_NAME = "small ResNet"


def normalisation(norm: Norm, channels: int) -> nn.Module:
    """A normalisation layer with a learned scale and bias for each channel; (n, channels, h, w) to the same shape.

    Args:
        norm: `batch` (Ioffe, Szegedy 2015, arXiv:1502.03167), by the statistics of a batch, in prediction those of the
            training images; `group` and `instance` by those of each image alone, see `networks.layers`.
        channels: number of channels.

    Raises:
        ValueError: an unknown normalisation.
    """
    if norm == "batch":
        return nn.BatchNorm2d(channels)
    if norm == "group":
        return group_norm(channels)
    if norm == "instance":
        return instance_norm(channels, affine=True)
    raise ValueError(f"{_NAME}: norm is {norm!r}, it must be one of: {', '.join(get_args(Norm))}")


class _Basic(nn.Module):
    """Basic block of He et al. 2016: two 3x3 convolutions; a 1x1 convolution as shortcut where the shape changes."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, norm: Norm) -> None:
        super().__init__()
        self.stride = stride
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, stride=stride, padding=1, bias=False),
            normalisation(norm, out_channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False),
            normalisation(norm, out_channels),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, bias=False), normalisation(norm, out_channels)
            )

    def forward(self, x: Tensor) -> Tensor:
        # A 1x1 convolution of stride 2 reads every second pixel. They are picked first, because with AVX2 the gradient
        # of such a convolution with fewer than 8 input channels writes past its memory (oneDNN, issue 6035).
        return functional.relu(self.body(x) + self.shortcut(x[:, :, :: self.stride, :: self.stride]))


class SmallResnet(nn.Module):
    """(n, 3, h, w) in [-1, 1] to logits (n, classes); He, Zhang, Ren, Sun, CVPR 2016, arXiv:1512.03385.

    A 3x3 stem of stride 2 and four stages of one basic block each, `width` to 8 `width` channels, all but the first
    of stride 2; batch normalisation or another, global average pooling, one linear layer. The stem is between the
    paper's two (7x7 with pooling for 224 px, and stride 1 for 32 px), because it is meant for 64 px; any size from
    `smallest` on works.
    """

    def __init__(self, classes: int, width: int, norm: Norm = "batch") -> None:
        """Build for any image size.

        Args:
            classes: number of logits.
            width: channels of the stem.
            norm: see `normalisation`.

        Raises:
            ValueError: classes or width below one, or an unknown normalisation.
        """
        super().__init__()
        self._smallest = self.smallest(norm)
        check_positive(_NAME, classes=classes, width=width)
        self.stem = nn.Sequential(
            nn.Conv2d(3, width, 3, stride=2, padding=1, bias=False), normalisation(norm, width), nn.ReLU(inplace=True)
        )
        self.stages = nn.Sequential(
            _Basic(width, width, 1, norm),
            _Basic(width, 2 * width, 2, norm),
            _Basic(2 * width, 4 * width, 2, norm),
            _Basic(4 * width, 8 * width, 2, norm),
        )
        self.head: nn.Module = nn.Linear(8 * width, classes)

    @staticmethod
    def smallest(norm: Norm) -> int:
        """The smallest valid side of images in pixels.

        At 16 px the last maps have one pixel, which instance normalisation would set to 0.
        """
        return 17 if norm == "instance" else 16

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) to logits (n, classes).

        Raises:
            ValueError: not three channels, or images below `smallest`.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"{_NAME}: expected images of shape (n, 3, h, w), got {tuple(x.shape)}")
        check_size(_NAME, min(x.shape[2:]), self._smallest, 1)
        logits: Tensor = self.head(self.stages(self.stem(x)).mean(dim=(2, 3)))
        return logits
