"""SENet-154: a ResNeXt of 152 layers and 64 groups with squeeze-and-excitation (thesis section 3.7)."""

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import check_positive, check_size
from hemabalance.networks.squeeze_excitation import SqueezeExcitation

_NAME = "SENet-154"
_EXPANSION = 4


class _Bottleneck(nn.Module):
    """relu(shortcut(x) + excitation(body(x))), (n, in_channels, h, w) to (n, 4 planes, h / stride, w / stride).

    The first 1x1 convolution has half the channels of the grouped 3x3 convolution, and a shortcut that changes the
    map's size is a 3x3 convolution.
    """

    def __init__(self, in_channels: int, planes: int, groups: int, stride: int) -> None:
        super().__init__()
        out_channels = _EXPANSION * planes
        self.body = nn.Sequential(
            _unit(in_channels, out_channels // 2, 1),
            nn.ReLU(inplace=True),
            _unit(out_channels // 2, out_channels, 3, stride, groups),
            nn.ReLU(inplace=True),
            _unit(out_channels, out_channels, 1),
        )
        self.excitation = SqueezeExcitation(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.shortcut = _unit(in_channels, out_channels, 1 if stride == 1 else 3, stride)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.excitation(self.body(x)) + self.shortcut(x), inplace=True)


class Senet154(nn.Module):
    """(n, 3, h, w) in [-1, 1] to logits (n, classes); Hu, Shen, Sun, CVPR 2018, arXiv:1709.01507, appendix.

    A stem of three 3x3 convolutions, the first of stride 2, max-pooling, four stages of bottlenecks with
    squeeze-and-excitation, all stages but the first of stride 2, global average pooling, dropout, one linear layer.
    Batch normalisation follows every convolution.

    Depths (3, 8, 36, 3), 64 groups, width 64, stem 64 and 1,000 classes give the published network of 115,088,984
    parameters; `senet154_weights` loads published weights into it. Other values give networks of the same structure
    and another size. A grouped convolution of stage k has 2^(k + 1) width / groups channels per group.
    """

    min_size: ClassVar[int] = 32
    """In pixels; the last map then has a single pixel, and a training batch must have at least two images."""

    def __init__(
        self, classes: int, depths: Sequence[int], groups: int, width: int, stem: int, drop_rate: float
    ) -> None:
        """Build for any image size from 32 px on.

        Args:
            classes: number of logits.
            depths: bottlenecks of each of the four stages.
            groups: of the 3x3 convolutions; must divide 2 width.
            width: a quarter of the output channels of the first stage; they double with each stage.
            stem: channels of the first two convolutions; the third has twice as many.
            drop_rate: dropout rate of the features before the linear layer, in [0, 1).

        Raises:
            ValueError: an invalid number.
        """
        super().__init__()
        check_positive(_NAME, classes=classes, groups=groups, width=width, stem=stem)
        _check_shape(depths, groups, width, drop_rate)
        self.stem = nn.ModuleList(
            (_unit(3, stem, 3, stride=2), _unit(stem, stem, 3), _unit(stem, 2 * stem, 3)),
        )
        # Rounding up instead of padding, as in the network of the published weights.
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        planes = [width * 2**stage for stage in range(4)]
        channels = [2 * stem, *(_EXPANSION * count for count in planes)]
        self.stages = nn.Sequential(
            *(
                _stage(in_channels, out_channels // _EXPANSION, depth, groups, stride)
                for (in_channels, out_channels), depth, stride in zip(
                    pairwise(channels), depths, (1, 2, 2, 2), strict=True
                )
            )
        )
        self.channels = channels[-1]
        self.dropout = nn.Dropout(drop_rate)
        self.classifier = nn.Linear(self.channels, classes)

    def features(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The feature maps of the first convolution and of the last stage, both after their ReLU.

        Args:
            x: (n, 3, h, w) in [-1, 1].

        Returns:
            (n, stem, ⌈h / 2⌉, ⌈w / 2⌉) and (n, 32 width, about h / 32, about w / 32).

        Raises:
            ValueError: not three channels, images under 32 px, or, from PyTorch, a training batch of one image whose
                last map is a single pixel.
        """
        if x.ndim != 4 or x.shape[1] != 3:
            raise ValueError(f"{_NAME}: expected images of shape (n, 3, h, w), got {tuple(x.shape)}")
        check_size(_NAME, min(x.shape[2:]), self.min_size, 1)
        first = functional.relu(self.stem[0](x.contiguous(memory_format=torch.channels_last)), inplace=True)
        maps = first
        for unit in self.stem[1:]:
            maps = functional.relu(unit(maps), inplace=True)
        return first, self.stages(self.pool(maps))

    def classify(self, last: Tensor) -> Tensor:
        """Global average pooling, dropout and the linear layer: (n, 32 width, h, w) to logits (n, classes)."""
        logits: Tensor = self.classifier(self.dropout(last.mean(dim=(2, 3))))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) to logits (n, classes); errors as `features`."""
        return self.classify(self.features(x)[1])


def _unit(in_channels: int, out_channels: int, kernel: int, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution and its batch normalisation."""
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel, stride, padding=kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(out_channels),
    )


def _stage(in_channels: int, planes: int, depth: int, groups: int, stride: int) -> nn.Sequential:
    out_channels = _EXPANSION * planes
    return nn.Sequential(
        _Bottleneck(in_channels, planes, groups, stride),
        *(_Bottleneck(out_channels, planes, groups, 1) for _ in range(depth - 1)),
    )


def _check_shape(depths: Sequence[int], groups: int, width: int, drop_rate: float) -> None:
    if len(depths) != 4 or min(depths) < 1:
        raise ValueError(f"{_NAME}: depths are {tuple(depths)}, they must be four numbers of at least 1")
    if 2 * width % groups:
        raise ValueError(f"{_NAME}: {groups} groups do not divide twice the width of {width}, which is {2 * width}")
    if not 0 <= drop_rate < 1:
        raise ValueError(f"{_NAME}: drop_rate is {drop_rate}, it must be at least 0 and below 1")
