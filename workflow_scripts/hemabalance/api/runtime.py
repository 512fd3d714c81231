"""The device of a model that is opened for inference, without a trace in the random numbers of the caller."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch

from hemabalance.api.options import require_at_least
from hemabalance.training.device import Runtime, start


@contextmanager
def inference_runtime(device: str, threads: int) -> Iterator[Runtime]:
    """A runtime; at the end of the block all global random number generators are as before.

    Args:
        device: `cpu` or `cuda`.
        threads: CPU threads of PyTorch, for the whole process.

    Raises:
        InputError: the device is not available.
    """
    devices = [0] if device == "cuda" and torch.cuda.is_available() else []
    python, numpy = random.getstate(), np.random.get_state()
    try:
        with torch.random.fork_rng(devices=devices):
            yield start(device=device, precision="32", devices=1, seed=0, threads=threads)
    finally:
        random.setstate(python)
        np.random.set_state(numpy)


@contextmanager
def torch_threads(threads: int) -> Iterator[None]:
    """PyTorch uses this number of threads within the block."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def threads_or_default(threads: int | None) -> int:
    """The number of threads; None for the number that PyTorch uses already.

    Raises:
        InputError: it is under 1.
    """
    require_at_least(1, threads=threads)
    return torch.get_num_threads() if threads is None else threads
