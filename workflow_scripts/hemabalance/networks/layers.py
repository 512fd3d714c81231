"""Blocks that several networks share, and how their weights begin.

Convolutions that an instance or batch normalisation follows have no bias: the mean that is subtracted next would
cancel it, its gradient would be rounding noise, and Adam would walk it at full step size for nothing. The reference
implementations of CycleGAN keep those biases; that is the whole difference to their parameter counts.
"""

from collections.abc import Callable
from math import sqrt
from typing import Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn import functional

Upsampling = Literal["transposed", "resize"]
Weighted = nn.Conv2d | nn.ConvTranspose2d | nn.Linear

_SPREAD = 0.02
_SLOPE = 0.2


def check_size(what: str, size: int, smallest: int, multiple: int) -> None:
    """Refuse an image size that a network cannot be built for.

    Args:
        what: the network, as a person would name it.
        size: side of the square image in pixels.
        smallest: the least size that works, in pixels.
        multiple: the number that must divide the size.

    Raises:
        ValueError: naming the network, the size and what would do.
    """
    if size < smallest:
        raise ValueError(f"{what}: images of {size} px are too small, it needs at least {smallest} px")
    if size % multiple:
        below, above = size - size % multiple, size - size % multiple + multiple
        near = f"{above}" if below < smallest else f"{below} or {above}"
        raise ValueError(f"{what}: a size of {size} px does not divide by {multiple}, take {near} px")


def check_positive(what: str, **values: int) -> None:
    """Refuse a width or count below one.

    Raises:
        ValueError: naming the network and the first value at fault.
    """
    for name, value in values.items():
        if value < 1:
            raise ValueError(f"{what}: {name} is {value}, it must be at least 1")


def check_images(what: str, x: Tensor, size: int) -> None:
    """Refuse a batch whose shape is not (n, 3, size, size).

    Raises:
        ValueError: with both shapes.
    """
    if x.ndim != 4 or x.shape[1:] != (3, size, size):
        raise ValueError(f"{what}: built for (n, 3, {size}, {size}), given {tuple(x.shape)}")


def at_least_float32(x: Tensor) -> Tensor:
    """The tensor in float32 if it came in half precision or bfloat16; float32 and float64 stay as they are."""
    return x.float() if x.dtype in (torch.float16, torch.bfloat16) else x


def instance_norm(channels: int) -> nn.Module:
    """Instance normalisation (Ulyanov, Vedaldi, Lempitsky 2016, arXiv:1607.08022), without learned scale or shift.

    (n, c, h, w) to the same; each map of each image gets mean 0, variance 1. Undefined on a map of one pixel.
    """
    return nn.InstanceNorm2d(channels)


class Upsample(nn.Module):
    """Twice the height and width: (n, inputs, h, w) to (n, outputs, 2h, 2w).

    `transposed`: one 4x4 transposed convolution of stride 2, as in the thesis's Fig. 24. Each of the four output
    phases has kernel taps of its own, so that even a constant map can come out as a checkerboard.
    `resize`: nearest-neighbour doubling, then a 3x3 convolution over reflected borders (Odena, Dumoulin, Olah 2016,
    Distill, doi:10.23915/distill.00003): all phases share their taps, a constant map stays constant.
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
    """Nearest-neighbour doubling and a 3x3 convolution in one step, never holding the doubled input.

    Doubling is a transposed convolution with a 2x2 box; two convolutions in a row are one with their kernels
    convolved: four taps an output pixel instead of nine. Reflecting the doubled map by a pixel is repeating the
    edge of the small one.

    Args:
        x: (n, inputs, h, w).
        weight: (outputs, inputs, 3, 3), as of `nn.Conv2d`.
        bias: (outputs,) or None.

    Returns:
        (n, outputs, 2h, 2w).
    """
    kernel = weight.flip(2, 3).transpose(0, 1)
    kernel = functional.pad(kernel, (0, 1)) + functional.pad(kernel, (1, 0))
    kernel = functional.pad(kernel, (0, 0, 0, 1)) + functional.pad(kernel, (0, 0, 1, 0))
    edged = functional.pad(x, (1, 1, 1, 1), mode="replicate")
    return functional.conv_transpose2d(edged, kernel, bias, stride=2, padding=3)


class ReflectedResidual(nn.Module):
    """Residual block of image translators (Johnson, Alahi, Fei-Fei 2016, arXiv:1603.08155), shape kept.

    Two 3x3 convolutions over reflected borders with instance normalisation, ReLU after the first, nothing after the
    sum.
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
        """(n, channels, h, w) to the same."""
        y: Tensor = self.body(x)
        return x + y


def he_std(layer: Weighted) -> float:
    """The deviation with which a layer hands on the mean square of what comes out of a LeakyReLU of slope 0.2.

    For networks without normalisation, where N(0, 0.02) would let signals die away (He et al. 2015, arXiv:1502.01852).
    In a transposed convolution of stride s an output pixel sees one of s² taps.
    """
    if isinstance(layer, nn.Linear):
        summed: float = layer.in_features
    else:
        summed = layer.in_channels * layer.kernel_size[0] * layer.kernel_size[1]
        if isinstance(layer, nn.ConvTranspose2d):
            summed /= layer.stride[0] * layer.stride[1]
    return sqrt(2 / (1 + _SLOPE**2) / summed)


@torch.no_grad()
def initialise(
    module: nn.Module, generator: torch.Generator, spread: Callable[[Weighted], float] = lambda layer: _SPREAD
) -> None:
    """Set every parameter, in place: weights N(0, 0.02), biases 0, normalisations the identity.

    The rule of DCGAN (Radford, Metz, Chintala 2016, arXiv:1511.06434), pix2pix and CycleGAN. Values are drawn on the
    generator's device, so that a CPU generator gives the same network on every device.

    Args:
        module: the network.
        generator: what the values follow from.
        spread: another deviation than 0.02, of each layer.

    Raises:
        TypeError: the module holds parameters in a kind of layer that has no rule here, which would otherwise keep
            values from the process-wide random state.
    """
    for name, layer in module.named_modules():
        if isinstance(layer, Weighted):
            weight = layer.weight
            drawn = torch.empty(weight.shape, dtype=weight.dtype, device=generator.device)
            weight.copy_(drawn.normal_(0.0, spread(layer), generator=generator))
            if layer.bias is not None:
                layer.bias.zero_()
        elif isinstance(layer, nn.BatchNorm2d):
            layer.reset_parameters()
        elif next(layer.parameters(recurse=False), None) is not None:
            raise TypeError(f"no rule to initialise layer {name or 'itself'} of kind {type(layer).__name__}")


def count_parameters(module: nn.Module) -> int:
    """How many numbers training can change."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)
