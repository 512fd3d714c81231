"""Images by class and latent index: an index gives the same image, whatever other indices are sampled with it."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.synthesis.generator import Generator
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.device import Runtime

BLOCK = 32
"""Images are generated in fixed blocks, because rounding in convolutions depends on the batch."""

LAST = 2**31 - 1
"""The highest latent index."""


def latents(seed: int, class_index: int, block: int, width: int) -> np.ndarray:
    """Latents of a class (`Classes.index`), from index `block * BLOCK` on: standard normal, float32 (BLOCK, width)."""
    rng = np.random.default_rng([seed, class_index, block])
    return rng.standard_normal((BLOCK, width), np.float32)


def first_latents(seed: int, class_index: int, count: int, width: int, device: torch.device) -> torch.Tensor:
    """The first `count` latents of a class, float32 (count, width) on the device: those of its first images."""
    blocks = [latents(seed, class_index, block, width) for block in range(-(-count // BLOCK))]
    return torch.from_numpy(np.concatenate(blocks)[:count]).to(device)


@torch.no_grad()
def take_snapshots(
    snapshots: Snapshots,
    runtime: Runtime,
    generate: Callable[[str, Tensor], Tensor],
    class_index: Callable[[str], int],
    latent: int,
    seed: int,
) -> None:
    """Store images of each class of the snapshots at the current step, from the first latents of `sample`.

    Args:
        snapshots: due at the current step.
        runtime: device, and the step.
        generate: function of a class and latents (n, latent) that returns images (n, 3, size, size) in [-1, 1].
        class_index: `Classes.index`.
        latent: length of a latent vector.
        seed: seed of the latents.
    """
    for label in snapshots.classes:
        z = first_latents(seed, class_index(label), snapshots.images_per_class, latent, runtime.device)
        snapshots.store(runtime.step, label, generate(label, z))


def sample(generator: Generator, label: str, indices: Sequence[int], *, seed: int, device: torch.device) -> np.ndarray:
    """Images of a class by latent index.

    Args:
        generator: a trained generator.
        label: a class that the generator serves.
        indices: latent indices in any order, repeats allowed.
        seed: seed of the latents.
        device: device of the generator.

    Returns:
        RGB uint8 (n, size, size, 3) in the order of the indices; on one machine an index gives the same bytes, whatever
        the other indices are.

    Raises:
        InputError: an index is out of range, or the generator does not serve the class.
    """
    if label not in generator.classes.served:
        raise InputError(
            f"class {label}",
            "is not served by this generator",
            f"Choose one of {', '.join(generator.classes.served)}",
        )
    invalid = next((index for index in indices if not 0 <= index <= LAST), None)
    if invalid is not None:
        raise InputError(f"latent index {invalid}", "is out of range", f"Choose one from 0 to {LAST}")
    requested = np.asarray(indices, np.int64)
    images = np.empty((len(requested), generator.size, generator.size, 3), np.uint8)
    for block in sorted(set((requested // BLOCK).tolist())):
        pixels = _block(generator, label, block, seed, device)
        places = np.flatnonzero(requested // BLOCK == block)
        images[places] = pixels[requested[places] % BLOCK]
    return images


@torch.inference_mode()
def _block(generator: Generator, label: str, block: int, seed: int, device: torch.device) -> np.ndarray:
    z = torch.from_numpy(latents(seed, generator.classes.index(label), block, generator.latent)).to(device)
    indices = torch.arange(block * BLOCK, (block + 1) * BLOCK, device=device)
    # By default cuDNN chooses algorithms by timing and rounds to TF32.
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee"):
        images = generator.generate(label, z, indices)
    levels = ((images.float() + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
    return levels.permute(0, 2, 3, 1).contiguous().cpu().numpy()
