"""The discriminator of FastGAN (Liu et al. 2021, arXiv:2101.04775, section 3.2 and Figure 4)."""

import torch
from torch import Tensor, nn

from hemabalance.networks.fewshot_generator import check_power_of_two
from hemabalance.networks.layers import Upsample, at_least_float32, check_images, check_positive
from hemabalance.networks.skip_layer_excitation import SkipLayerExcitation
from hemabalance.networks.spectral_convolution import SpectralConvolution

_NAME = "FastGAN's discriminator"
_LAST = 8
"""Side of the last feature map."""
_EXCITED = 8
"""A map scales the channels of the map whose side is smaller by this factor."""
PARTS = 4
"""Number of quarters of an image."""


class FastGANDiscriminator(nn.Module):
    """(n, 3, size, size) in [-1, 1] to a map of logits (n, 1, 5, 5), and reconstructions of the images.

    A 3x3 convolution, then residual blocks that halve the side down to 8x8, each the mean of two paths; a 1x1 and a 4x4
    convolution make the logits. From 64 px on, maps scale the channels of maps of an eighth of their side (skip-layer
    excitation), as in the authors' code. One decoder reconstructs the whole image at half its side from the 8x8 map,
    another one a quarter of the image from the same quarter of the 16x16 map; at 256 px both make 128 px, as in the
    paper. The first map has `width` channels, and each halving of the side doubles them.

    Convolutions but those of decoders and excitations have spectral normalisation. Batch normalisation always uses the
    statistics of the batch: discriminators are used in training only.
    """

    def __init__(self, size: int, width: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two of at least 16.
            width: channels of the first map.

        Raises:
            ValueError: an invalid size, or a width below one.
        """
        super().__init__()
        check_power_of_two(_NAME, size, 2 * _LAST)
        check_positive(_NAME, width=width)
        self.size = size
        sides = [size >> k for k in range((size // _LAST).bit_length())]
        channels = {side: width * size // side for side in sides}
        self.start = nn.Sequential(_convolution(3, width, 3), nn.LeakyReLU(0.2))
        self.blocks = nn.ModuleDict({str(side): _Down(channels[2 * side], channels[side]) for side in sides[1:]})
        self.excitations = nn.ModuleDict(
            {
                str(side): SkipLayerExcitation(channels[side * _EXCITED], channels[side])
                for side in sides
                if side * _EXCITED <= size
            }
        )
        last = channels[_LAST]
        self.logits = nn.Sequential(
            _convolution(last, 2 * last, 1), _norm(2 * last), nn.LeakyReLU(0.2), _convolution(2 * last, 1, 4, padding=0)
        )
        self.decode_whole = _decoder(last, width, size // 2)
        self.decode_part = _decoder(channels[2 * _LAST], width, size // 2)

    def forward(self, x: Tensor, part: int | None = None) -> tuple[Tensor, ...]:
        """Logits of images, and reconstructions of real images.

        Args:
            x: (n, 3, size, size).
            part: quarter to reconstruct, 0 to 3 by rows; None for no reconstruction.

        Returns:
            Logits (n, 1, 5, 5); with a part also the whole image and the part, each (n, 3, size/2, size/2) in [-1, 1].

        Raises:
            ValueError: images of another shape.
        """
        check_images(_NAME, x, self.size)
        maps = {self.size: self.start(x)}
        for name, block in self.blocks.items():
            side = int(name)
            maps[side] = block(maps[2 * side])
            if name in self.excitations:
                maps[side] = maps[side] * self.excitations[name](maps[side * _EXCITED])
        logits = self.logits(maps[_LAST])
        if part is None:
            return (logits,)
        decoded = self.decode_whole(maps[_LAST]), self.decode_part(quarter(maps[2 * _LAST], part))
        return logits, *(torch.tanh(at_least_float32(image)) for image in decoded)


def quarter(x: Tensor, part: int) -> Tensor:
    """The quarter 0 to 3, by rows, of images or maps (n, c, h, w): (n, c, h/2, w/2)."""
    down, across = divmod(part, 2)
    height, width = (side // 2 for side in x.shape[2:])
    return x[:, :, down * height : (down + 1) * height, across * width : (across + 1) * width]


def _convolution(inputs: int, outputs: int, kernel: int, *, stride: int = 1, padding: int | None = None) -> nn.Module:
    """A convolution with spectral normalisation and no bias; by default it keeps the side, or halves it."""
    padding = (kernel - 1) // 2 if padding is None else padding
    return SpectralConvolution(inputs, outputs, kernel, stride, padding, bias=False)


def _norm(channels: int) -> nn.Module:
    return nn.BatchNorm2d(channels, track_running_stats=False)


class _Down(nn.Module):
    """(n, inputs, h, w) to (n, outputs, h/2, w/2): the mean of a path of two convolutions and one of pooling."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.main = nn.Sequential(
            _convolution(inputs, outputs, 4, stride=2),
            _norm(outputs),
            nn.LeakyReLU(0.2),
            _convolution(outputs, outputs, 3),
            _norm(outputs),
            nn.LeakyReLU(0.2),
        )
        self.direct = nn.Sequential(
            nn.AvgPool2d(2), _convolution(inputs, outputs, 1), _norm(outputs), nn.LeakyReLU(0.2)
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = (self.main(x) + self.direct(x)) / 2
        return y


def _decoder(inputs: int, width: int, side: int) -> nn.Module:
    """(n, inputs, 8, 8) to (n, 3, side, side), before the tanh: doublings with 3x3 convolutions, and a last 3x3 one."""
    layers: list[nn.Module] = []
    doubled = 2 * _LAST
    while doubled <= side:
        outputs = width * min(2 * side // doubled, 8)
        layers += [Upsample(inputs, 2 * outputs, "resize", bias=False), _norm(2 * outputs), nn.GLU(dim=1)]
        inputs, doubled = outputs, 2 * doubled
    return nn.Sequential(*layers, nn.Conv2d(inputs, 3, 3, padding=1))
