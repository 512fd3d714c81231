"""SENet-154-GE: SENet-154 with a head that joins squeeze-and-excitation and gather-excite (thesis Fig. 38)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.gather_excite import GatherExcite
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.squeeze_excitation import SqueezeExcitation


class Senet154GE(Senet154):
    """(n, 3, h, w) in [-1, 1] to logits (n, classes).

    The thesis's figure is lost; section 3.7 tells the head in a few sentences, after WBC-AMNet (Wang et al. 2022,
    doi:10.1371/journal.pone.0261848):

        last' = last + last · attention,   attention = sigmoid(norm(SE(first' · last) + GE(last)))

    What they leave open is read so:

    - "The first convolutional layer" is the first of the stem's three, "the last" the output of the last stage, both
      after their ReLU.
    - To be multiplied by one another they need one shape: first' is the first averaged to the last's height and
      width, then a 1x1 convolution to its channels and a normalisation, without ReLU, so that an early feature can
      speak for a late one or against it.
    - Both modules put out weighted features, as their papers have it, not the weights alone.
    - Gather-excite has learned depth-wise convolutions ("step-wise deep convolution") and no 1x1 convolutions.
      Extent 0, the whole map, averages instead: a kernel of the map's size would tie the network to one image size.
      An extent beyond the last map, whose side is a 32nd of the image's, is the whole map too; see `GatherExcite`.
    - The sum "is fused with the feature of last convolutional layer" by multiplication, as an attention between 0 and
      1, beside the identity, without which the features would vanish wherever the attention does. Multiplied raw, the
      sum would make logits cubic in the features. It is normalised first because sums of features after a ReLU would
      leave the sigmoid its upper half only.

    Everything else is as in `Senet154`, which is the network without this head. The full shape with 12 classes and
    extent 8 has 113,797,884 parameters.
    """

    def __init__(
        self, classes: int, depths: Sequence[int], groups: int, width: int, stem: int, drop_rate: float, extent: int
    ) -> None:
        """Build for any image size from 32 px on.

        Args:
            classes, depths, groups, width, stem, drop_rate: as for `Senet154`.
            extent: of gather-excite, in places of the last map: 2, 4, 8, or 0 for all.

        Raises:
            ValueError: a number that cannot be built, in plain words.
        """
        super().__init__(classes, depths, groups, width, stem, drop_rate)
        self.early = nn.Sequential(nn.Conv2d(stem, self.channels, 1, bias=False), nn.BatchNorm2d(self.channels))
        self.squeeze_excitation = SqueezeExcitation(self.channels)
        self.gather_excite = GatherExcite(self.channels, extent, learned=extent > 0, hidden=0, side=0)
        self.norm = nn.BatchNorm2d(self.channels)

    def attend(self, first: Tensor, last: Tensor) -> Tensor:
        """The head up to the average.

        Args:
            first: (n, stem, H, W).
            last: (n, 32 width, h, w).

        Returns:
            (n, 32 width, h, w), between `last` and twice `last`.
        """
        early = self.early(functional.adaptive_avg_pool2d(first, (last.shape[2], last.shape[3])))
        both = self.squeeze_excitation(early * last) + self.gather_excite(last)
        attention: Tensor = self.norm(both).sigmoid()
        return last + last * attention

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) to (n, classes), without softmax; errors as `features`."""
        return self.classify(self.attend(*self.features(x)))
