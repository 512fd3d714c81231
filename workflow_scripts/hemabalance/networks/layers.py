"""Layers shared by several networks, and the initialisation of weights.

Convolutions before an instance or batch normalisation have no bias: the normalisation subtracts the mean and cancels
it, its gradient would be rounding noise, and Adam would change it at full step size without effect. The reference
implementations of CycleGAN keep these biases; this is the only difference from their parameter counts.
"""

from collections.abc import Callable
from math import sqrt
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Upsampling = Literal["transposed", "resize"]
WeightedLayer = nn.Conv2d | nn.ConvTranspose2d | nn.Linear

_GROUPS = 8
_STD = 0.02
_SLOPE = 0.2


def check_size(network: str, size: int, smallest: int, multiple: int) -> None:
    """Refuse an image size that a network cannot be built for.

    Args:
        network: its name for the message.
        size: side of the square image in pixels.
        smallest: the smallest valid size in pixels.
        multiple: a valid size is divisible by it.

    Raises:
        ValueError: with the network, the size and the nearest valid sizes.
    """
    if size < smallest:
        raise ValueError(f"{network}: images of {size} px are too small, at least {smallest} px are required")
    if size % multiple:
        below, above = size - size % multiple, size - size % multiple + multiple
        valid = f"{above}" if below < smallest else f"{below} or {above}"
        raise ValueError(f"{network}: size {size} px is not divisible by {multiple}, use {valid} px")


def check_positive(network: str, **values: int) -> None:
    """Refuse a width or count below one.

    Raises:
        ValueError: with the network and the first invalid value.
    """
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{network}: {name} is {value}, it must be at least 1")


def check_images(network: str, x: Tensor, size: int) -> None:
    """Refuse a batch whose shape is not (n, 3, size, size).

    Raises:
        ValueError: with both shapes.
    """
    if x.ndim != 4 or x.shape[1:] != (3, size, size):
        raise ValueError(f"{network}: expected images of shape (n, 3, {size}, {size}), got {tuple(x.shape)}")


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32 if it is in half precision or bfloat16; float32 and float64 stay unchanged."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def instance_norm(channels: int, *, affine: bool = False) -> nn.Module:
    """Instance normalisation (Ulyanov, Vedaldi, Lempitsky 2016, arXiv:1607.08022).

    (n, c, h, w) to the same shape; each map of each image gets mean 0, variance 1. Undefined on a map of one pixel.

    Args:
        channels: number of channels.
        affine: whether each channel has a learned scale and bias.
    """
    return nn.InstanceNorm2d(channels, affine=affine)


def group_norm(channels: int, *, affine: bool = True) -> nn.GroupNorm:
    """Group normalisation (Wu, He 2018, arXiv:1803.08494): mean 0, variance 1 in each group of channels of each image.

    (n, channels, h, w) to the same shape; 8 groups, or the largest smaller number that divides the channels.

    Args:
        channels: number of channels.
        affine: whether each channel has a learned scale and bias.
    """
    groups = next(groups for groups in range(min(_GROUPS, channels), 0, -1) if channels % groups == 0)
    return nn.GroupNorm(groups, channels, affine=affine)


class Upsample(nn.Module):
    """Twice the height and width: (n, inputs, h, w) to (n, outputs, 2h, 2w).

    `transposed`: one 4x4 transposed convolution of stride 2, as in the thesis's Fig. 24. Each of the four output
    phases has its own kernel weights, so that even a constant map can become a checkerboard.
    `resize`: nearest-neighbour doubling, then a 3x3 convolution with reflected borders (Odena, Dumoulin, Olah 2016,
    Distill, doi:10.23915/distill.00003): all phases share their weights, and a constant map stays constant.
    """

    def __init__(self, inputs: int, outputs: int, up: Upsampling, *, bias: bool) -> None:
        super().__init__()
        if up not in get_args(Upsampling):
            raise ValueError(f"up-sampling is {up!r}, it must be one of: {', '.join(get_args(Upsampling))}")
        self.convolution: nn.Module = (
            nn.Conv2d(inputs, outputs, 3, bias=bias)
            if up == "resize"
            else nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1, bias=bias)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, inputs, h, w) to (n, outputs, 2h, 2w)."""
        if isinstance(self.convolution, nn.Conv2d):
            return _double_and_convolve(x, self.convolution.weight, self.convolution.bias)
        y: Tensor = self.convolution(x)
        return y


def _double_and_convolve(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Nearest-neighbour doubling and a 3x3 convolution in one step, without the doubled input in memory.

    Doubling is a transposed convolution with a 2x2 box; two consecutive convolutions are one with their kernels
    convolved: four weights per output pixel instead of nine. Reflecting the doubled map by one pixel equals repeating
    the edge of the small one.

    Args:
        x: (n, inputs, h, w).
        weight: (outputs, inputs, 3, 3), as in `nn.Conv2d`.
        bias: (outputs,) or None.

    Returns:
        (n, outputs, 2h, 2w).
    """
    kernel = weight.flip(2, 3).transpose(0, 1)
    kernel = functional.pad(kernel, (0, 1)) + functional.pad(kernel, (1, 0))
    kernel = functional.pad(kernel, (0, 0, 0, 1)) + functional.pad(kernel, (0, 0, 1, 0))
    padded = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    return functional.conv_transpose2d(padded, kernel, bias, stride=2, padding=3)


class ReflectedResidual(nn.Module):
    """Residual block of image translators (Johnson, Alahi, Fei-Fei 2016, arXiv:1603.08155).

    Two 3x3 convolutions with reflected borders and instance normalisation, ReLU after the first, no activation after
    the sum.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False),
            instance_norm(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, channels, 3, padding=1, padding_mode="reflect", bias=False),
            instance_norm(channels),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to the same shape."""
        y: Tensor = self.body(x)
        return x + y


def he_std(layer: WeightedLayer) -> float:
    """Standard deviation of the weights with which a layer after a LeakyReLU of slope 0.2 preserves the mean square.

    For networks without normalisation, where N(0, 0.02) would let signals vanish (He et al. 2015, arXiv:1502.01852).
    In a transposed convolution of stride s an output pixel depends on one in s² weights.
    """
    if isinstance(layer, nn.Linear):
        fan_in: float = layer.in_features
    else:
        fan_in = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        if isinstance(layer, nn.ConvTranspose2d):
            fan_in /= layer.stride[0] * layer.stride[1]
    return sqrt(2 / (1 + _SLOPE**2) / fan_in)


@torch.no_grad()
def initialise(
    module: nn.Module, generator: torch.Generator, std: Callable[[WeightedLayer], float] = lambda layer: _STD
) -> None:
    """Initialise every parameter in place: weights N(0, 0.02), biases 0, normalisations the identity.

    The rule of DCGAN (Radford, Metz, Chintala 2016, arXiv:1511.06434), pix2pix and CycleGAN. Values are sampled on the
    generator's device, so that a CPU generator gives the same network on every device.

    Args:
        module: the network.
        generator: source of the random weights.
        std: standard deviation for each layer, instead of 0.02.

    Raises:
        TypeError: the module has parameters in a kind of layer without a rule here, which would otherwise keep values
            from the global random state.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, WeightedLayer):
            weight = layer.weight
            values = torch.empty(weight.shape, dtype=weight.dtype, device=generator.device)
            weight.copy_(values.normal_(0.0, std(layer), generator=generator))
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, nn.BatchNorm2d | nn.GroupNorm | nn.InstanceNorm2d):
            layer.reset_parameters()
        elif next(layer.parameters(recurse=False), None) is not None:
            raise TypeError(f"no rule to initialise layer {name or 'itself'} of kind {type(layer).__name__}")


def count_parameters(module: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
