"""The network of a rectified flow: it predicts the velocity of an image on its way from noise, given time and class."""

from itertools import pairwise
from math import pi
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.layers import (
    Upsample,
    at_least_float32,
    check_images,
    check_positive,
    check_size,
    group_norm,
    he_std,
    initialise,
)

_NAME = "velocity U-Net"
_LOWEST = 8
"""Levels are added until the side of the lowest map is at most this."""
_MOST_TIMES = 4
"""Most channels of a level, as a multiple of the width."""
_FREQUENCIES = 16
_HEAD = 32
"""Channels of an attention head."""
_MODULATION = 0.1
"""Initial size of the modulation relative to He's, so that a scale is near 1."""
_DEVIATION = 0.5
"""Standard deviation of pixels in [-1, 1] that the output `residual` assumes (as in EDM)."""
_LEAST_TIME = 0.05
"""Least time by which the output `image` divides."""

Output = Literal["velocity", "residual", "image"]
"""What the layers predict; the network returns velocities in any case."""


class VelocityUNet(nn.Module):
    """Images (n, 3, size, size) at a time in [0, 1], of a class, to velocities of the same shape.

    A U-Net of residual blocks as in DDPM (Ho, Jain, Abbeel 2020, arXiv:2006.11239) and ADM (Dhariwal, Nichol 2021,
    arXiv:2105.05233): group normalisation, SiLU, and blocks that an embedding of time, class and augmentation factors
    modulates by scale and shift; attention on the lowest map only. The input is unshuffled into patches, the output
    shuffled back, so that the finest map has the side size / patch: the price of a map falls with the square of `patch`
    (as in Hoogeboom, Heek, Salimans 2023, arXiv:2301.11093). The last convolution of each block and of the network is
    zero at the start: the first outputs are 0, and blocks are the identity.

    Args:
        size: side of the image in pixels; divisible by the patch and the reductions below it.
        width: channels of the finest map; each halving of the side doubles them, up to 4 times the width.
        blocks: residual blocks of a level, on the way down and again on the way up.
        patch: side of a patch in pixels.
        classes: number of classes; one further index, `no_class`, stands for a label that is not given.
        factors: number of augmentation factors.
        output: what the layers predict. `velocity`: the velocity. `residual`: its difference from the best linear guess
            given the noised pixel alone, with inputs and outputs scaled to variance 1 (the preconditioning of EDM,
            Karras et al. 2022, arXiv:2206.00364, table 1, for a rectified flow). `image`: the image without noise (Li,
            He 2025, arXiv:2511.13720).

    Raises:
        ValueError: a size that cannot be divided, or another argument below one.
    """

    def __init__(
        self, size: int, width: int, blocks: int, patch: int, classes: int, factors: int, output: Output = "velocity"
    ) -> None:
        super().__init__()
        check_positive(_NAME, width=width, blocks=blocks, patch=patch, classes=classes, factors=factors)
        halvings = 0
        while size / patch / 2**halvings > _LOWEST:
            halvings += 1
        check_size(_NAME, size, 2 * patch, patch * 2**halvings)
        self.size, self.patch, self.no_class, self.factors, self.output = size, patch, classes, factors, output
        channels = [width * min(2**level, _MOST_TIMES) for level in range(halvings + 1)]
        self.embedding = _Embedding(4 * width, classes + 1, factors)
        self.enter = nn.Conv2d(3 * patch**2, width, 3, padding=1)
        self.down = nn.ModuleList(_ResolutionLevel(c, c, blocks, 4 * width) for c in channels)
        pairs = list(pairwise(channels))
        self.reductions = nn.ModuleList(nn.Conv2d(fine, coarse, 3, 2, 1) for fine, coarse in pairs)
        self.attention = _Attention(channels[-1])
        self.lowest = _ResolutionLevel(channels[-1], channels[-1], blocks, 4 * width)
        self.enlargements = nn.ModuleList(Upsample(coarse, fine, "resize", bias=True) for fine, coarse in pairs)
        self.up = nn.ModuleList(_ResolutionLevel(2 * fine, fine, blocks, 4 * width) for fine, _ in pairs)
        self.leave = nn.Sequential(group_norm(width), nn.SiLU(), nn.Conv2d(width, 3 * patch**2, 3, padding=1))

    def forward(self, x: Tensor, times: Tensor, targets: Tensor, factors: Tensor | None = None) -> Tensor:
        """Velocities of noised images.

        Args:
            x: (n, 3, size, size).
            times: (n,) in [0, 1]; 0 for an image, 1 for noise.
            targets: int64 (n,), index of the class, or `no_class`.
            factors: (n, factors), augmentation factors; 0 stands for no augmentation. None: all are 0.

        Returns:
            (n, 3, size, size), float32 also under autocast.

        Raises:
            ValueError: images of another shape.
        """
        check_images(_NAME, x, self.size)
        t = times[:, None, None, None]
        if self.output == "velocity":
            return self._layers(x, times, targets, factors)
        if self.output == "image":
            return (x - self._layers(x, times, targets, factors)) / t.clamp(min=_LEAST_TIME)
        variance = t**2 + ((1 - t) * _DEVIATION) ** 2
        linear = (t - (1 - t) * _DEVIATION**2) / variance
        return linear * x + _DEVIATION / variance.sqrt() * self._layers(x / variance.sqrt(), times, targets, factors)

    def _layers(self, x: Tensor, times: Tensor, targets: Tensor, factors: Tensor | None) -> Tensor:
        condition = self.embedding(times, targets, factors)
        # On the CPU, convolutions are a fifth faster on channels-last maps.
        x = self.enter(functional.pixel_unshuffle(x, self.patch).contiguous(memory_format=torch.channels_last))
        skips = []
        for level, reduce in zip(self.down, [*self.reductions, None], strict=True):
            x = level(x, condition)
            if reduce is not None:
                skips.append(x)
                x = reduce(x)
        x = self.lowest(self.attention(x), condition)
        for enlarge, level, skip in reversed(list(zip(self.enlargements, self.up, skips, strict=True))):
            x = level(torch.cat((enlarge(x), skip), dim=1), condition)
        return functional.pixel_shuffle(at_least_float32(self.leave(x)), self.patch)

    @torch.no_grad()
    def initialise(self, generator: torch.Generator) -> None:
        """Initialise every parameter in place for a training; `generator` is on the CPU."""
        initialise(self, generator, he_std)
        for module in self.modules():
            if isinstance(module, _Block):
                module.second.weight.zero_()
                module.modulation.weight.mul_(_MODULATION)
            elif isinstance(module, _Attention):
                module.leave.weight.zero_()
        last = self.leave[2]
        assert isinstance(last, nn.Conv2d)
        last.weight.zero_()


class _Embedding(nn.Module):
    """Time, class and augmentation factors to one vector (n, width)."""

    frequencies: Tensor

    def __init__(self, width: int, classes: int, factors: int) -> None:
        super().__init__()
        self.classes = classes
        # From half a turn to 64 turns over the times from 0 to 1.
        self.register_buffer("frequencies", pi * 2 ** torch.linspace(0, 7, _FREQUENCIES), persistent=False)
        self.time = nn.Sequential(nn.Linear(2 * _FREQUENCIES, width), nn.SiLU(), nn.Linear(width, width))
        self.target = nn.Linear(classes, width, bias=False)
        self.factors = nn.Linear(factors, width, bias=False)

    def forward(self, times: Tensor, targets: Tensor, factors: Tensor | None) -> Tensor:
        angles = times[:, None] * self.frequencies
        vector: Tensor = self.time(torch.cat((angles.cos(), angles.sin()), dim=1))
        vector = vector + self.target(functional.one_hot(targets, self.classes).to(vector.dtype))
        if factors is not None:
            vector = vector + self.factors(factors)
        return functional.silu(vector)


class _ResolutionLevel(nn.Module):
    """Residual blocks on maps of one side: (n, inputs, h, w) to (n, outputs, h, w)."""

    def __init__(self, inputs: int, outputs: int, blocks: int, condition: int) -> None:
        super().__init__()
        self.blocks = nn.ModuleList(_Block(outputs if k else inputs, outputs, condition) for k in range(blocks))

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        for block in self.blocks:
            x = block(x, condition)
        return x


class _Block(nn.Module):
    """Residual block of two 3x3 convolutions; the condition scales and shifts the maps between them."""

    def __init__(self, inputs: int, outputs: int, condition: int) -> None:
        super().__init__()
        self.enter = group_norm(inputs)
        self.first = nn.Conv2d(inputs, outputs, 3, padding=1)
        self.modulation = nn.Linear(condition, 2 * outputs)
        self.norm = group_norm(outputs, affine=False)
        self.second = nn.Conv2d(outputs, outputs, 3, padding=1)
        self.shortcut = nn.Identity() if inputs == outputs else nn.Conv2d(inputs, outputs, 1)

    def forward(self, x: Tensor, condition: Tensor) -> Tensor:
        scale, shift = self.modulation(condition)[:, :, None, None].chunk(2, dim=1)
        y = self.norm(self.first(functional.silu(self.enter(x)))) * (1 + scale) + shift
        z: Tensor = self.shortcut(x) + self.second(functional.silu(y))
        return z


class _Attention(nn.Module):
    """Residual self-attention over all places of a map (Vaswani et al. 2017, arXiv:1706.03762)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.heads = next(heads for heads in range(max(1, channels // _HEAD), 0, -1) if channels % heads == 0)
        self.enter = group_norm(channels)
        self.project = nn.Conv2d(channels, 3 * channels, 1)
        self.leave = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        n, channels, height, width = x.shape
        parts = self.project(self.enter(x)).view(n, 3, self.heads, channels // self.heads, height * width)
        query, key, value = parts.transpose(3, 4).unbind(1)
        mixed = functional.scaled_dot_product_attention(query, key, value)
        y: Tensor = self.leave(mixed.transpose(2, 3).reshape(n, channels, height, width))
        return x + y
