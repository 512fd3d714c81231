"""MobileNetV2 of torchvision, with batch normalisation that training may leave as it is."""

from typing import ClassVar, Self

from torch import nn

from hemabalance.networks.layers import check_positive
from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()

from torchvision.models import MobileNetV2  # noqa: E402


class FineTunedMobileNetV2(MobileNetV2):  # type: ignore[misc]
    """(n, 3, h, w) to logits (n, classes); Sandler et al. 2018, arXiv:1801.04381. Any size from 32 px on works.

    Args:
        classes: number of logits.
        drop_rate: dropout rate of the features before the last layer.
        freeze_batch_norm: batch normalisation uses its stored means and variances in training, too, and does not change
            them: those of a few small images would be worse than ImageNet's. Its scales and biases are trained.

    Raises:
        ValueError: classes below one.
    """

    min_size: ClassVar[int] = 32

    def __init__(self, classes: int, drop_rate: float, *, freeze_batch_norm: bool) -> None:
        check_positive("MobileNetV2", classes=classes)
        super().__init__(num_classes=classes, dropout=drop_rate)
        self._freeze_batch_norm = freeze_batch_norm
        self.train()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode or evaluation mode; frozen batch normalisation stays in evaluation mode."""
        super().train(mode)
        if self._freeze_batch_norm:
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    module.eval()
        return self
