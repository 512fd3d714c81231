"""InceptionV3 up to its pooling layer, as FID defines it: torch-fidelity's network."""

import io
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from hemabalance.torchvision_compat import make_torchvision_importable

make_torchvision_importable()

from torch_fidelity.feature_extractor_inceptionv3 import BasicConv2d, FeatureExtractorInceptionV3  # noqa: E402


class InceptionPool(FeatureExtractorInceptionV3):  # type: ignore[misc]
    """InceptionV3 and resizing of torch-fidelity 0.4, without weights and without logits.

    Maps uint8 (n, 3, h, w), resized to 299 pixels as in TensorFlow 1, to a tuple of one tensor float32 (n, 2048).
    """

    def __init__(self) -> None:
        # The constructor of the parent unpickles a weights file or downloads one; an empty file avoids both.
        empty_file = io.BytesIO()
        torch.save({}, empty_file)
        empty_file.seek(0)
        super().__init__("inception-v3-pool", ["2048"], feature_extractor_weights_path=empty_file)
        self.fc = nn.Identity()

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False) -> Any:
        """As in `torch.nn.Module`, but an empty dictionary, which the constructor passes, is accepted and ignored."""
        return super().load_state_dict(state_dict, strict=strict and bool(state_dict), assign=assign)

    def fold(self) -> None:
        """Fold each batch normalisation into the preceding convolution; call after the weights are loaded."""
        for module in self.modules():
            if isinstance(module, BasicConv2d):
                module.conv, module.bn = fuse_conv_bn_eval(module.conv, module.bn), nn.Identity()


def build_without_weights() -> InceptionPool:
    """The network with shapes but no storage: load weights with `assign=True`."""
    with torch.device("meta"):
        return InceptionPool()
