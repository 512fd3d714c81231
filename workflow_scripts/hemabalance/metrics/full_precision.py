"""Float32 arithmetic for metrics, independent of the precision settings of the caller."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def full_precision(device: torch.device) -> Iterator[None]:
    """Compute in IEEE float32: no TF32 in CUDA convolutions, no 16-bit autocast of the caller."""
    ieee_float32 = torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee")
    with ieee_float32, torch.autocast(device.type, enabled=False):
        yield
