"""Images and the order in which a training sees them."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.training.device import Runtime


class ImagePool:
    """All images of one domain: one array on the device if they fit, else read from the host as they are asked for.

    Args:
        images: uint8 (n, h, w, 3) RGB; a `np.memmap` stays on disk if it does not fit.
        runtime: whose device the batches go to.
        budget_bytes: how much of the device's memory (on the CPU: of the host's) the images may take.
    """

    def __init__(self, images: np.ndarray, runtime: Runtime, budget_bytes: int) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[3] != 3:
            raise ValueError(f"images are {images.dtype} {images.shape}, not uint8 (n, h, w, 3)")
        self._device = runtime.device
        self._host = images
        self._resident: Tensor | None = None
        if images.nbytes <= budget_bytes:
            # A copy, as a mapped file may be read-only, which PyTorch's tensors cannot be.
            self._resident = torch.from_numpy(np.array(images)).to(self._device)

    def __len__(self) -> int:
        return len(self._host)

    @property
    def resident(self) -> bool:
        """Whether the images are on the device."""
        return self._resident is not None

    def take(self, indices: Tensor) -> Tensor:
        """Images by index (int64 (b,), on the CPU): float32 (b, 3, h, w) in [-1, 1] on the device."""
        if self._resident is not None:
            batch = self._resident[indices.to(self._device)]
        else:
            batch = torch.from_numpy(self._host[indices.numpy()])
            if self._device.type == "cuda":
                batch = batch.pin_memory().to(self._device, non_blocking=True)
        return batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format).div_(127.5).sub_(1)


class Sampler(Protocol):
    """What a training draws indices from, and resumes."""

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """JSON values."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; InputError if that was over other data."""
        ...


class _Cycle:
    """Endless passes over some indices, each in a new order that depends on the key and the pass alone."""

    def __init__(self, members: np.ndarray, key: Sequence[int]) -> None:
        self._members, self._key = members, list(key)
        self.taken = 0
        self._pass = -1
        self._order = members

    def next(self) -> int:
        turn, place = divmod(self.taken, len(self._members))
        if turn != self._pass:
            self._pass, self._order = turn, _generator(*self._key, turn).permutation(self._members)
        self.taken += 1
        return int(self._order[place])


class BalancedSampler:
    """Each image of a batch: a class drawn uniformly, then the next of that class's shuffled cycle.

    Args:
        labels: the class of each image.
        batch: images a draw.
        seed: of all ranks.
        rank: each draws its own order.

    Raises:
        InputError: the batch is larger than the data.
    """

    def __init__(self, labels: Sequence[str], batch: int, seed: int, rank: int) -> None:
        _check(batch, len(labels))
        names = np.asarray(labels, dtype=str)
        self.classes: list[str] = sorted(set(names.tolist()))
        self._batch, self._key = batch, (seed, rank)
        self._cycles = [
            _Cycle(np.flatnonzero(names == name), (seed, rank, 1, k)) for k, name in enumerate(self.classes)
        ]
        self._draws = 0
        self._over = _digest(batch, seed, *names.tolist())

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        chosen = _generator(*self._key, 0, self._draws).integers(len(self._cycles), size=self._batch)
        self._draws += 1
        return torch.tensor([self._cycles[k].next() for k in chosen.tolist()])

    def state_dict(self) -> dict[str, Any]:
        """How many batches, and images of each class, were drawn."""
        taken = {name: cycle.taken for name, cycle in zip(self.classes, self._cycles, strict=True)}
        return {"over": self._over, "draws": self._draws, "taken": taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; InputError if that was over other labels, batch or seed."""
        _same(state, self._over)
        self._draws = state["draws"]
        for name, cycle in zip(self.classes, self._cycles, strict=True):
            cycle.taken = state["taken"][name]


class EpochSampler:
    """Shuffled passes over n images; a batch that meets the end of one goes on in the next.

    Args:
        n: number of images.
        batch: images a draw.
        seed: of all ranks.
        rank: each draws its own order.

    Raises:
        InputError: the batch is larger than the data.
    """

    def __init__(self, n: int, batch: int, seed: int, rank: int) -> None:
        _check(batch, n)
        self._batch = batch
        self._cycle = _Cycle(np.arange(n), (seed, rank, 2))
        self._over = _digest(batch, seed, str(n))

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        return torch.tensor([self._cycle.next() for _ in range(self._batch)])

    def state_dict(self) -> dict[str, Any]:
        """How many images were drawn."""
        return {"over": self._over, "taken": self._cycle.taken}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where `state_dict` was taken; InputError if that was over other data, batch or seed."""
        _same(state, self._over)
        self._cycle.taken = state["taken"]


def augment_dihedral(images: Tensor, generator: torch.Generator) -> Tensor:
    """Each image in one of its eight poses (mirrored or not, turned by quarters), all alike likely.

    Args:
        images: (n, c, s, s), square. To turn pairs alike, join them along the channels before and split after.
        generator: on the device of the images.
    """
    if images.shape[-1] != images.shape[-2]:
        raise ValueError(f"images are {tuple(images.shape)}: quarter turns need square ones")
    coins = torch.rand((3, len(images), 1, 1, 1), generator=generator, device=images.device) < 0.5
    images = torch.where(coins[0], images.flip(-1), images)
    images = torch.where(coins[1], images.flip(-2), images)
    return torch.where(coins[2], images.transpose(-1, -2), images)


def _generator(*key: int) -> np.random.Generator:
    return np.random.default_rng(key)


def _check(batch: int, n: int) -> None:
    if batch > n:
        problem = f"is {batch}, but there are only {n} images to draw from"
        raise InputError("config key batch", problem, f"Set it to at most {n}" if n else "Check the images' selection")


def _digest(batch: int, seed: int, *data: str) -> str:
    return hashlib.sha256("\0".join([str(batch), str(seed), *data]).encode()).hexdigest()[:16]


def _same(state: Mapping[str, Any], over: str) -> None:
    if state.get("over") != over:
        problem = "the checkpoint drew from other images, or with another batch or seed"
        raise InputError("training data", problem, "Delete the checkpoint's folder and run again: training starts anew")
