"""Images by class and latent index: the same index gives the same image, whatever else is drawn with it."""

from collections.abc import Sequence

import numpy as np
import torch

from hemabalance.errors import InputError
from hemabalance.synthesis.generator import Generator
from hemabalance.taxonomy import CLASSES

BLOCK = 32
"""Images are always made in the same company: rounding in convolutions depends on the batch."""

LAST = 2**31 - 1
"""The highest latent index."""


def latents(seed: int, label: str, block: int, width: int) -> np.ndarray:
    """The latents of indices `block * BLOCK` and following: standard normal, float32 (BLOCK, width)."""
    drawn = np.random.default_rng([seed, CLASSES.index(label), block])
    return drawn.standard_normal((BLOCK, width), np.float32)


def sample(generator: Generator, label: str, indices: Sequence[int], *, seed: int, device: torch.device) -> np.ndarray:
    """Images of a class by latent index.

    Args:
        generator: trained.
        label: one of the classes that it serves.
        indices: any order, repeats allowed.
        seed: of the latents.
        device: of the generator.

    Returns:
        RGB uint8 (n, size, size, 3) in the order of the indices; on one machine the same bytes for an index, whatever
        other indices are asked for.

    Raises:
        InputError: an index out of range, or a class that the generator does not serve.
    """
    if label not in generator.classes.served:
        raise InputError(
            f"class {label}",
            "is not one that this generator makes",
            f"Take one of {', '.join(generator.classes.served)}",
        )
    odd = next((index for index in indices if not 0 <= index <= LAST), None)
    if odd is not None:
        raise InputError(f"latent index {odd}", "is out of range", f"Take one from 0 to {LAST}")
    requested = np.asarray(indices, np.int64)
    made = np.empty((len(requested), generator.size, generator.size, 3), np.uint8)
    for block in sorted(set((requested // BLOCK).tolist())):
        pixels = _block(generator, label, block, seed, device)
        mine = np.flatnonzero(requested // BLOCK == block)
        made[mine] = pixels[requested[mine] % BLOCK]
    return made


@torch.inference_mode()
def _block(generator: Generator, label: str, block: int, seed: int, device: torch.device) -> np.ndarray:
    z = torch.from_numpy(latents(seed, label, block, generator.latent)).to(device)
    indices = torch.arange(block * BLOCK, (block + 1) * BLOCK, device=device)
    # CUDA's convolutions would otherwise choose by timing, and round to TF32.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee"):
        images = generator.make(label, z, indices)
    levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
