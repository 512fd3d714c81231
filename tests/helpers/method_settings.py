"""Helpers for tests of all registered methods: small settings, and a spy on the training."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from hemabalance.methods import settings_class
from hemabalance.section import Section
from hemabalance.training import loop

SMALL: dict[str, Any] = {
    "architecture": "efficientnet_b0",
    "width": 4,
    "critic_width": 4,
    "discriminator_width": 4,
    "encoder_width": 4,
    "critic_layers": 1,
    "blocks": 1,
    "remembered": 3,
    "latent": 5,
    "features": 6,
    "references": 20,
    "depths": (1, 1, 1, 1),
    "groups": 4,
    "stem": 4,
    "input_size": 32,
    "batch": 2,
    "base_images": 6,
    "steps": 6,
    "episodes": 4,
    "inner_steps": 2,
    "shots": 3,
    "adapt_steps": 3,
    "snapshot_adapt_steps": 1,
    "snapshots": 2,
    "snapshot_images": 2,
    "average_decay": 0.5,
    "patience": 0,
    "validate_every": 2,
    "fit_images": 100,
    "fit_pixels": 50_000,
    "memory_budget": 1 << 20,
    "log_every": 2,
    "checkpoint_every": 2,
}
"""Small values of settings by name; a method uses those of its own settings, and defaults for the others."""


def small_settings(stage: str, method: str, **changed: Any) -> Section:
    """A method's settings, small enough for a test; `changed` overrides values."""
    model = settings_class(stage, method)
    return model(
        **{name: value for name, value in {**SMALL, **changed}.items() if name in model.model_fields or name in changed}
    )


class TrainingSpy:
    """Observes all trainings: counts them, records parameters that they leave unchanged, and can interrupt one."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.trainings = 0
        self.unmoved: set[str] = set()
        """Parameters of an optimiser that a complete training left unchanged."""
        self._remaining = 0
        for module in list(sys.modules.values()):
            if getattr(module, "train", None) is loop.train and module is not loop:
                monkeypatch.setattr(module, "train", self._train)
        self._original_save = loop.save_checkpoint
        monkeypatch.setattr(loop, "save_checkpoint", self._save_checkpoint)

    def kill_after(self, checkpoints: int) -> None:
        """Interrupt the training right after this many checkpoints."""
        self._remaining = checkpoints

    def _train(self, trainable: Any, *args: Any, **kwargs: Any) -> Any:
        before = {name: value.detach().clone() for name, value in _parameters(trainable).items()}
        result = loop.train(trainable, *args, **kwargs)
        self.trainings += 1
        assert before, "a training without a parameter"
        self.unmoved |= {name for name, value in _parameters(trainable).items() if torch.equal(value, before[name])}
        return result

    def _save_checkpoint(self, *args: Any, **kwargs: Any) -> Any:
        path = self._original_save(*args, **kwargs)
        if self._remaining:
            self._remaining -= 1
            if not self._remaining:
                raise KeyboardInterrupt
        return path


def _parameters(trainable: Any) -> Mapping[str, Tensor]:
    """The parameters that the optimisers of a trainable update, by optimiser, group, index and shape."""
    return {
        f"{name} {index} {place} {tuple(parameter.shape)}": parameter
        for name, optimizer in trainable.optimizers.items()
        for index, group in enumerate(optimizer.param_groups)
        for place, parameter in enumerate(group["params"])
    }


def files_of(folder: Path) -> dict[str, bytes]:
    """The bytes of a training's weights and history."""
    return {name: (folder / name).read_bytes() for name in ("weights.safetensors", "history.jsonl")}
