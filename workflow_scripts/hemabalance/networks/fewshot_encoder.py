"""The encoder of few-shot synthesis: from an image to the features that images of its class share (thesis Fig. 33)."""

from torch import Tensor, nn

from hemabalance.networks.fewshot_generator import check_power_of_two
from hemabalance.networks.layers import check_images, check_positive

_NAME = "few-shot encoder"
_POOLED = 4


class _EncoderBlock(nn.Module):
    """Convolution, ReLU and batch normalisation, added to a 1x1 convolution that matches the channels."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(in_channels, out_channels, 3, padding=1), nn.ReLU(), nn.BatchNorm2d(out_channels)
        )
        self.shortcut = nn.Conv2d(in_channels, out_channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.body(x) + self.shortcut(x)
        return y


class FewshotEncoder(nn.Module):
    """(n, 3, size, size) in [-1, 1] to features (n, features).

    Four residual blocks of `width` to 8 `width` channels, 2x2 max-pooling after the first three, one linear layer.
    The map is averaged to at most 4x4 before the linear layer, which the thesis does not specify: on the 32x32 map of a
    256 px image this layer alone would have six times the parameters of the whole model in Table 22.
    """

    def __init__(self, size: int, width: int, features: int) -> None:
        """Build for one image size.

        Args:
            size: side of the image in pixels, a power of two of at least 16.
            width: channels of the first block.
            features: length of a feature vector.

        Raises:
            ValueError: an invalid size, a width or number of features below one.
        """
        super().__init__()
        check_power_of_two(_NAME, size, 16)
        check_positive(_NAME, width=width, features=features)
        self.size = size
        pooled = min(_POOLED, size // 8)
        self.body = nn.Sequential(
            _EncoderBlock(3, width),
            nn.MaxPool2d(2),
            _EncoderBlock(width, 2 * width),
            nn.MaxPool2d(2),
            _EncoderBlock(2 * width, 4 * width),
            nn.MaxPool2d(2),
            _EncoderBlock(4 * width, 8 * width),
            nn.AdaptiveAvgPool2d(pooled),
            nn.Flatten(),
            nn.Linear(8 * width * pooled * pooled, features),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, size, size) to (n, features).

        Raises:
            ValueError: images of another shape.
        """
        check_images(_NAME, x, self.size)
        features: Tensor = self.body(x)
        return features
