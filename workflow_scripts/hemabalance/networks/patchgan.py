"""The patch critic of W-CycleGAN-GP, CycleGAN and pix2pix (thesis Fig. 25)."""

from typing import Literal

from torch import Tensor, nn

from hemabalance.networks.layers import check_positive, instance_norm

Norm = Literal["instance", "none"]
_NAME = "PatchGAN critic"


class PatchGAN(nn.Module):
    """(n, channels, h, w) in [-1, 1] to one unbounded score per patch, (n, 1, h', w'); Isola et al., arXiv:1611.07004.

    4x4 convolutions: `layers` of stride 2 and two of stride 1, channels doubling from `width` to 8 `width`, LeakyReLU
    0.2: with 3 layers C64-C128-C256-C512 at width 64, patches of 70x70 px. h' = h / 2^layers - 2.

    The output is linear, because the Wasserstein loss needs unbounded scores; losses on probabilities take logits.
    Instance normalisation follows all convolutions but the first and the last (thesis Fig. 25; pix2pix has batch
    normalisation, which does not allow a gradient penalty per image). At width 64, 3 layers: 2,763,841 parameters,
    CycleGAN's 2,764,737 less 896 biases that a normalisation cancels.
    """

    def __init__(self, width: int, layers: int, channels: int = 3, norm: Norm = "instance") -> None:
        """Build for images of at least `min_size` px.

        Args:
            width: channels after the first convolution; 64 in the paper.
            layers: convolutions of stride 2; 3 gives patches of 70x70 px, 2 of 34x34.
            channels: 3 for one image; 6 for two images joined along the channels, as in pix2pix.
            norm: "instance" (paper and thesis), or "none". Instance normalisation removes the mean of every map, and
                with it much of an image's overall colour, by which a change of stain is judged; and the gradient
                penalty is meant for critics without normalisation across pixels (Gulrajani et al. 2017, section 4).

        Raises:
            ValueError: a width, number of layers or channels below one.
        """
        super().__init__()
        check_positive(_NAME, width=width, layers=layers, channels=channels)
        self.layers = layers
        self.channels = channels
        body: list[nn.Module] = [nn.Conv2d(channels, width, 4, stride=2, padding=1), nn.LeakyReLU(0.2, inplace=True)]
        in_channels = width
        for level in range(1, layers + 1):
            out_channels, stride = width * min(2**level, 8), 2 if level < layers else 1
            body += [
                nn.Conv2d(in_channels, out_channels, 4, stride=stride, padding=1, bias=norm == "none"),
                *([instance_norm(out_channels)] if norm == "instance" else []),
                nn.LeakyReLU(0.2, inplace=True),
            ]
            in_channels = out_channels
        body.append(nn.Conv2d(in_channels, 1, 4, padding=1))
        self.body = nn.Sequential(*body)

    @property
    def receptive_field(self) -> int:
        """Side in pixels of the patch that determines one score, without the statistics of the normalisation."""
        field = 1
        for stride in (1, 1, *(2,) * self.layers):
            field = field * stride + 4 - stride
        return field

    @property
    def min_size(self) -> int:
        """The smallest side in pixels that gives one score."""
        return 3 << self.layers

    def forward(self, x: Tensor) -> Tensor:
        """(n, channels, h, w) to scores (n, 1, h', w').

        Raises:
            ValueError: images with another number of channels, or too small for one score.
        """
        if x.ndim != 4 or x.shape[1] != self.channels:
            raise ValueError(f"{_NAME}: expected images of shape (n, {self.channels}, h, w), got {tuple(x.shape)}")
        side = min(x.shape[2:])
        if side < self.min_size:
            raise ValueError(
                f"{_NAME}: images of {side} px are too small for {self.layers} layers, "
                f"which need at least {self.min_size} px; use larger images or fewer layers"
            )
        scores: Tensor = self.body(x)
        return scores
