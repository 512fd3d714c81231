"""SENet-154-GE: SENet-154 with a head that combines squeeze-and-excitation and gather-excite (thesis Fig. 38)."""

from collections.abc import Sequence

from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.gather_excite import GatherExcite
from hemabalance.networks.senet154 import Senet154
from hemabalance.networks.squeeze_excitation import SqueezeExcitation


class Senet154GE(Senet154):
    """(n, 3, h, w) in [-1, 1] to logits (n, classes).

    The figure is missing in the thesis; section 3.7 describes the head in a few sentences, after WBC-AMNet (Wang et al.
    2022, doi:10.1371/journal.pone.0261848):

        last' = last + last · attention,   attention = sigmoid(norm(SE(first' · last) + GE(last)))

    Our interpretation of details that the text does not specify:

    - "The first convolutional layer" is the first of the three in the stem, "the last" is the output of the last stage,
      both after their ReLU.
    - Their product needs one shape: first' is the first map averaged to the height and width of the last one, then a
      1x1 convolution to its channels and a normalisation, without ReLU, so that an early feature can increase or
      decrease a late one.
    - Both modules return weighted features, as in their papers, not the weights alone.
    - Gather-excite has learned depth-wise convolutions ("step-wise deep convolution") and no 1x1 convolutions.
      Extent 0, the whole map, averages instead: a kernel of the map's size would fix the image size of the network.
      An extent beyond the last map, whose side is a 32nd of the image's, is the whole map too; see `GatherExcite`.
    - The sum "is fused with the feature of last convolutional layer" by multiplication, as an attention between 0 and
      1, in addition to the identity, without which the features would vanish where the attention does. Multiplication
      with the sum itself would make logits cubic in the features. The sum is normalised before the sigmoid because
      sums of features after a ReLU are positive and would use only its upper half.

    The rest is as in `Senet154`, which is the network without this head. The full network with 12 classes and extent 8
    has 113,797,884 parameters.
    """

    def __init__(
        self, classes: int, depths: Sequence[int], groups: int, width: int, stem: int, drop_rate: float, extent: int
    ) -> None:
        """Build for any image size from 32 px on.

        Args:
            classes, depths, groups, width, stem, drop_rate: as for `Senet154`.
            extent: of gather-excite, in positions of the last map: 2, 4, 8, or 0 for the whole map.

        Raises:
            ValueError: an invalid number.
        """
        super().__init__(classes, depths, groups, width, stem, drop_rate)
        self.early = nn.Sequential(nn.Conv2d(stem, self.channels, 1, bias=False), nn.BatchNorm2d(self.channels))
        self.squeeze_excitation = SqueezeExcitation(self.channels)
        self.gather_excite = GatherExcite(self.channels, extent, learned=extent > 0, hidden=0, side=0)
        self.norm = nn.BatchNorm2d(self.channels)

    def attend(self, first: Tensor, last: Tensor) -> Tensor:
        """The head up to the global average pooling.

        Args:
            first: (n, stem, H, W).
            last: (n, 32 width, h, w).

        Returns:
            (n, 32 width, h, w), between `last` and twice `last`.
        """
        early = self.early(functional.adaptive_avg_pool2d(first, (last.shape[2], last.shape[3])))
        excitation = self.squeeze_excitation(early * last) + self.gather_excite(last)
        attention: Tensor = self.norm(excitation).sigmoid()
        return last + last * attention

    def forward(self, x: Tensor) -> Tensor:
        """(n, 3, h, w) to logits (n, classes); errors as `features`."""
        return self.classify(self.attend(*self.features(x)))
