"""Synthetic images in the batches of a classifier's training, and the control that has repeats of real ones instead."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.training.batches import BalancedSampler, EpochSampler, Sampler, ShuffledCycle, batch_within
from hemabalance.training.network_classifier_settings import TrainingSettings

_OTHER_SEED = 1_000_003
"""Added to the seed of the synthetic part, so that its classes do not follow those of the real part."""


class JoinedSampler:
    """Batches of several parts, each drawn by a sampler of its own.

    Args:
        parts: for each part the indices of its images, int64 (k,), and a sampler of indices below k.
    """

    def __init__(self, parts: Sequence[tuple[np.ndarray, Sampler]]) -> None:
        self._parts = [(torch.from_numpy(rows), sampler) for rows, sampler in parts]

    def next_batch(self) -> Tensor:
        """The next batch, part by part: int64 (batch,) on the CPU."""
        return torch.cat([rows[sampler.next_batch()] for rows, sampler in self._parts])

    def state_dict(self) -> dict[str, Any]:
        """The positions in the data, as JSON values."""
        return {str(place): sampler.state_dict() for place, (_, sampler) in enumerate(self._parts)}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; InputError if it was saved for other data."""
        for place, (_, sampler) in enumerate(self._parts):
            sampler.load_state_dict(state[str(place)])


class Repeats:
    """Batches of another sampler in which a real image of the same class takes the place of each synthetic one.

    The batches have the same classes in the same places, so that experiments with this sampler and without it differ in
    the images only. Real images of a class are taken in shuffled passes.

    Args:
        sampler: the other sampler.
        labels: the class of each image.
        synthetic: bool (n,), whether an image is synthetic.
        seed: the same for all ranks.
        rank: of the process; each rank has its own order.

    Raises:
        InputError: there is no synthetic image, or a class of synthetic images has no real one.
    """

    def __init__(self, sampler: Sampler, labels: Sequence[str], synthetic: np.ndarray, seed: int, rank: int) -> None:
        names = np.asarray(labels, dtype=str)
        self._sampler, self._labels, self._synthetic = sampler, names, synthetic
        _require_synthetic("synthetic_part", "repeats", synthetic)
        self._cycles: dict[str, ShuffledCycle] = {}
        for place, name in enumerate(sorted(set(names[synthetic].tolist()))):
            real = np.flatnonzero((names == name) & ~synthetic)
            if not len(real):
                problem = f"is repeats, but {name} has no real training image to repeat"
                raise InputError("config key synthetic_part", problem, "Set it to images, or use another recipe")
            self._cycles[name] = ShuffledCycle(real, (seed, rank, 4, place))
        self.replaced = torch.zeros(0, dtype=torch.bool)
        """bool (batch,) on the CPU: the places of the last batch that a synthetic image would have had."""

    def next_batch(self) -> Tensor:
        """The next batch: int64 (batch,) on the CPU."""
        indices = self._sampler.next_batch().numpy().copy()
        replaced = self._synthetic[indices]
        for place in np.flatnonzero(replaced):
            indices[place] = self._cycles[str(self._labels[indices[place]])].next()
        self.replaced = torch.from_numpy(replaced)
        return torch.from_numpy(indices)

    def state_dict(self) -> dict[str, Any]:
        """The position in the data, as JSON values."""
        consumed = {name: cycle.consumed for name, cycle in self._cycles.items()}
        return {"drawn": self._sampler.state_dict(), "consumed": consumed}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Continue from a `state_dict`; InputError if it was saved for other data."""
        self._sampler.load_state_dict(state["drawn"])
        for name, cycle in self._cycles.items():
            cycle.consumed = state["consumed"][name]


def training_sampler(
    labels: Sequence[str], synthetic: np.ndarray, settings: TrainingSettings, seed: int, rank: int
) -> Sampler:
    """The sampler of a training: balanced or not, with a fixed synthetic share or not, with repeats or not.

    Args:
        labels: the class of each training image.
        synthetic: bool (n,), whether an image is synthetic.
        settings: settings of the training.
        seed: the same for all ranks.
        rank: of the process.

    Raises:
        InputError: there is no training image; or the settings ask for synthetic images or repeats, and there is no
            synthetic image, no real one, or no real one of a class.
    """
    names, batch = np.asarray(labels, dtype=str), batch_within(settings.batch, len(labels))
    if settings.synthetic_share is None:
        sampler = _sampler(names, batch, settings, seed, rank, repeat=False)
    else:
        drawn = synthetic_images(settings.synthetic_share, batch)
        _require_synthetic("synthetic_share", str(settings.synthetic_share), synthetic)
        real_rows, synthetic_rows = np.flatnonzero(~synthetic), np.flatnonzero(synthetic)
        sampler = JoinedSampler(
            [
                (real_rows, _sampler(names[real_rows], batch - drawn, settings, seed, rank, repeat=True)),
                (
                    synthetic_rows,
                    _sampler(names[synthetic_rows], drawn, settings, seed + _OTHER_SEED, rank, repeat=True),
                ),
            ]
        )
    if settings.synthetic_part == "repeats":
        return Repeats(sampler, names.tolist(), synthetic, seed, rank)
    return sampler


def synthetic_images(share: float, batch: int) -> int:
    """Number of synthetic images in a batch: the nearest whole number, at least one, and at least one real image."""
    return min(max(round(share * batch), 1), batch - 1)


def _sampler(
    labels: np.ndarray, batch: int, settings: TrainingSettings, seed: int, rank: int, *, repeat: bool
) -> Sampler:
    if settings.balanced:
        power = 0.5 if settings.balanced == "root" else 0.0
        return BalancedSampler(labels.tolist(), batch, seed, rank, repeat=repeat, power=power)
    return EpochSampler(len(labels), batch, seed, rank, repeat=repeat)


def _require_synthetic(key: str, value: str, synthetic: np.ndarray) -> None:
    if not synthetic.any():
        problem = f"is {value}, but there is no synthetic image among the training images"
        raise InputError(f"config key {key}", problem, "Choose a recipe with a generator, or remove the key")
