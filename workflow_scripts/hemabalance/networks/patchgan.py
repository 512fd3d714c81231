"""The patch critic of W-CycleGAN-GP, CycleGAN and pix2pix (thesis Fig. 25)."""

from typing import Literal

from torch import Tensor, nn

from hemabalance.networks.layers import check_positive, instance_norm

Norm = Literal["instance", "none"]
_NAME = "PatchGAN critic"


class PatchGAN(nn.Module):
    """(n, channels, h, w) in [-1, 1] to one unbounded score a patch, (n, 1, h', w'); Isola et al., arXiv:1611.07004.

    4x4 convolutions: `layers` of stride 2 and two of stride 1, width doubling to 8 `width`, LeakyReLU 0.2: with 3
    layers C64-C128-C256-C512 at width 64, 70x70 px a patch. h' = h / 2^layers - 2.

    The output is linear, for the Wasserstein loss needs scores without a bound; losses that need a probability take
    logits. Instance normalisation after all but the first (thesis Fig. 25; pix2pix has batch normalisation, with
    which a gradient penalty per image would mean nothing). At width 64, 3 layers: 2,763,841 parameters, CycleGAN's
    2,764,737 less 896 biases that a normalisation cancels.
    """

    def __init__(self, width: int, layers: int, channels: int = 3, norm: Norm = "instance") -> None:
        """Build for images of at least `min_size` px.

        Args:
            width: channels after the first convolution; 64 in the paper.
            layers: convolutions of stride 2; 3 gives 70x70 px a patch, 2 gives 34x34.
            channels: 3 for one image; 6 where the critic sees a pair side by side, as in pix2pix.
            norm: "instance" (paper and thesis), or "none". Instance normalisation takes the mean of every map away,
                and with it much of an image's overall colour, which a change of stain is judged by; and a gradient
                penalty is meant for critics without normalisation across pixels (Gulrajani et al. 2017, section 4).

        Raises:
            ValueError: a width, number of layers or channels below one.
        """
        super().__init__()
        check_positive(_NAME, width=width, layers=layers, channels=channels)
        self.layers = layers
        self.channels = channels
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        inner = width
        for level in range(1, layers + 1):
            outer, stride = width * min(2**level, 8), 2 if level < layers else 1
            body += [
                nn.Conv2d(inner, outer, 4, stride=stride, padding=1, bias=norm == "none"),
                *([instance_norm(outer)] if norm == "instance" else []),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            inner = outer
        body.append(nn.Conv2d(inner, 1, 4, padding=1))
        self.body = nn.Sequential(*body)

    @property
    def receptive_field(self) -> int:
        """Side in pixels of the patch behind one score, the statistics of normalisation left aside."""
        field = 1
        for stride in (1, 1, *(2,) * self.layers):
            field = field * stride + 4 - stride
        return field

    @property
    def min_size(self) -> int:
        """The smallest side in pixels that leaves one score."""
        return 3 << self.layers

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to scores (n, 1, h', w').

        Raises:
            ValueError: images of another number of channels or too small for one score, in plain words.
        """
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(f"{_NAME}: built for (n, {self.channels}, h, w), given {tuple(x.shape)}")
        smallest = min(x.shape[2:])
        if smallest < self.min_size:
            raise ValueError(
                f"{_NAME}: images of {smallest} px are too small for {self.layers} layers, "
                f"which need at least {self.min_size} px; take larger images or fewer layers"
            )
        scores: Tensor = self.body(x)
        return scores
