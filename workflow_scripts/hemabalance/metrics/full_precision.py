"""Arithmetic of metrics, the same whatever the caller computes in."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Keep float32 as it is: CUDA's convolutions would round to TF32, an autocast around the caller to 16 bits."""
    kept = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee")
    with kept, torch.autocast(device.type, enabled=False):
        yield
