"""Training images and the order in which they are sampled."""

import hashlib
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.training.device import Runtime

log = logging.getLogger(__name__)


class ImagePool:
    """All images of one domain: one array on the device if they fit, else read from the host batch by batch.

    Args:
        images: uint8 (n, h, w, 3) RGB; a `np.memmap` stays on disk if it does not fit.
        runtime: batches are moved to its device.
        budget_bytes: memory that the images may occupy on the device (on the CPU: in the host's memory).
    """

    def __init__(self, images: np.ndarray, runtime: Runtime, budget_bytes: int) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 (n, h, w, 3)")
        self._device = runtime.device
        self._host = images
        self._resident: Tensor | None = None
        if images.nbytes <= budget_bytes:
            # A copy, because a mapped file may be read-only and PyTorch tensors cannot be.
            self._resident = torch.from_numpy(np.array(images)).to(self._device)

    def __len__(self) -> int:
        return len(self._host)

    @property
    def resident(self) -> bool:
        """Whether all images are on the device."""
        return self._resident is not None

    def take(self, indices: Tensor) -> Tensor:
        """The images at `indices` (int64 (b,), on the CPU): float32 (b, 3, h, w) in [-1, 1] on the device."""
        if self._resident is not None:
            batch = self._resident[indices.to(self._device)]
        else:
            batch = torch.from_numpy(self._host[indices.numpy()])
            if self._device.type == "cuda":
                batch = batch.pin_memory().to(self._device, non_blocking=True)
        return batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(127.5).sub_(1)


class Sampler(Protocol):
    """A resumable source of image indices."""

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """The position in the data, as JSON values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; InputError if it was saved for other data."""
        ...


class ShuffledCycle:
    """Endless passes over indices, each in a new order that depends only on the key and the number of the pass."""

    def __init__(self, indices: np.ndarray, key: Sequence[int]) -> None:
        self._indices, self._key = indices, list(key)
        self.consumed = 0
        self._pass = -1
        self._order = indices

    def next(self) -> int:
        """The next index."""
        number, position = divmod(self.consumed, len(self._indices))
        if number != self._pass:
            self._pass, self._order = number, _generator(*self._key, number).permutation(self._indices)
        self.consumed += 1
        return int(self._order[position])


class BalancedSampler:
    """For each image of a batch: a class sampled at random, then the next image of that class's shuffled cycle.

    Args:
        labels: the class of each image.
        batch: images per batch.
        seed: the same for all ranks.
        rank: of the process; each rank has its own order.
        repeat: allow batches that are larger than the data.
        power: a class of n images is sampled in proportion to n ** power: 0 for all classes alike, 1 as the images are.

    Raises:
        InputError: the batch is larger than the data.
    """

    def __init__(
        self, labels: Sequence[str], batch: int, seed: int, rank: int, *, repeat: bool = False, power: float = 0.0
    ) -> None:
        _check_batch(batch, len(labels), repeat)
        names = np.asarray(labels, dtype=str)
        self.classes: list[str] = sorted(set(names.tolist()))
        self._batch, self._key = batch, (seed, rank)
        self._cycles = [
            ShuffledCycle(np.flatnonzero(names == name), (seed, rank, 1, k)) for k, name in enumerate(self.classes)
        ]
        weights = np.array([np.count_nonzero(names == name) for name in self.classes]) ** power
        self._shares = weights / weights.sum() if power else None
        self._batches = 0
        self._data_digest = _digest(batch, seed, *names.tolist(), *([str(power)] if power else []))

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        rng, count = _generator(*self._key, 0, self._batches), len(self._cycles)
        uniform = self._shares is None
        class_codes = (
            rng.integers(count, size=self._batch) if uniform else rng.choice(count, self._batch, p=self._shares)
        )
        self._batches += 1
        return torch.tensor([self._cycles[code].next() for code in class_codes.tolist()])

    def state_dict(self) -> dict[str, Any]:
        """The number of batches, and of images of each class, sampled so far."""
        consumed = {name: cycle.consumed for name, cycle in zip(self.classes, self._cycles, strict=True)}
        return {"data": self._data_digest, "batches": self._batches, "consumed": consumed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; InputError if it was saved for other labels, batch or seed."""
        _require_same_data(state, self._data_digest)
        self._batches = state["batches"]
        for name, cycle in zip(self.classes, self._cycles, strict=True):
            cycle.consumed = state["consumed"][name]


class EpochSampler:
    """Shuffled passes over n images; a batch that reaches the end of one pass continues in the next.

    Args:
        n: number of images.
        batch: images per batch.
        seed: the same for all ranks.
        rank: of the process; each rank has its own order.
        repeat: allow batches that are larger than the data.

    Raises:
        InputError: the batch is larger than the data.
    """

    def __init__(self, n: int, batch: int, seed: int, rank: int, *, repeat: bool = False) -> None:
        _check_batch(batch, n, repeat)
        self._batch = batch
        self._cycle = ShuffledCycle(np.arange(n), (seed, rank, 2))
        self._data_digest = _digest(batch, seed, str(n))

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        return torch.tensor([self._cycle.next() for _ in range(self._batch)])

    def state_dict(self) -> dict[str, Any]:
        """The number of images sampled so far."""
        return {"data": self._data_digest, "consumed": self._cycle.consumed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; InputError if it was saved for other data, batch or seed."""
        _require_same_data(state, self._data_digest)
        self._cycle.consumed = state["consumed"]


def augment_dihedral(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image in one of its eight poses (mirrored or not, rotated by a multiple of 90°), all equally likely.

    Args:
        images: (n, c, s, s), square. To transform pairs alike, join them along the channels before and split after.
        generator: on the device of the images.

    Raises:
        ValueError: the images are not square.
    """
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(f"images are {tuple(images.shape)}: quarter turns need square ones")
    coins = torch.rand((3, len(images), 1, 1, 1), generator=generator, device=images.device) < 0.5
    images = torch.where(coins[0], images.flip(-1), images)
    images = torch.where(coins[1], images.flip(-2), images)
    return torch.where(coins[2], images.transpose(-1, -2), images)


def _generator(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def batch_within(batch: int, n: int) -> int:
    """The number of images of a batch, at most all n images, which a small laboratory may have fewer of."""
    if 0 < n < batch:
        log.warning("Only %d training images: batches of %d instead of %d", n, n, batch)
    return min(batch, n) or batch


def _check_batch(batch: int, n: int, repeat: bool) -> None:
    if batch > n and not (repeat and n):
        problem = f"is {batch}, but there are only {n} training images"
        remedy = f"Set it to at most {n}" if n else "Check which images are selected for training"
        raise InputError("config key batch", problem, remedy)


def _digest(batch: int, seed: int, *data: str) -> str:
    return hashlib.sha256("\0".join([str(batch), str(seed), *data]).encode()).hexdigest()[:16]


def _require_same_data(state: Mapping[str, Any], data_digest: str) -> None:
    if state.get("data") != data_digest:
        problem = "the checkpoint was saved for other images, or with another batch or seed"
        remedy = "Delete the checkpoint's folder and run again: training starts from its first step"
        raise InputError("training data", problem, remedy)
