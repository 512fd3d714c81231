"""InceptionV3 up to its pool, as the Fréchet inception distance defines it: torch-fidelity's network."""

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
    """torch-fidelity 0.4's InceptionV3 and resizing, without its weights and without its logits.

    Takes uint8 (n, 3, h, w), resizes to 299 pixels as TensorFlow 1 did, and returns a tuple of one float32 (n, 2048).
    """

    def __init__(self) -> None:
        # The parent's constructor unpickles a file or downloads one: it gets an empty one, made here.
        nothing = io.BytesIO()
        torch.save({}, nothing)
        nothing.seek(0)
        super().__init__("inception-v3-pool", ["2048"], feature_extractor_weights_path=nothing)
        self.fc = nn.Identity()

    def load_state_dict(self, state_dict: Mapping[str, Tensor], strict: bool = True, assign: bool = False) -> Any:
        """As `torch.nn.Module`; an empty dictionary, which the constructor hands in, changes nothing."""
        return super().load_state_dict(state_dict, strict=strict and bool(state_dict), assign=assign)

    def fold(self) -> None:
        """Put each batch normalisation into the convolution before it, as can be done once the weights are final."""
        for module in self.modules():
            if isinstance(module, BasicConv2d):
                module.conv, module.bn = fuse_conv_bn_eval(module.conv, module.bn), nn.Identity()


def build_without_weights() -> InceptionPool:
    """The network with shapes but no storage: weights are then loaded with `assign=True`."""
    with torch.device("meta"):
        return InceptionPool()
