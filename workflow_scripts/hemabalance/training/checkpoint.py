"""Checkpoints: one file with the complete state of a training. On the CPU a resumed training is bit-identical."""

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.json_codec import decode, encode
from hemabalance.training.tensorfile import differences, read_tensors, refuse_differences, shapes, write_tensors
from hemabalance.training.trainable import Trainable

KIND = "checkpoint"


@dataclass(frozen=True)
class Position:
    """The progress of a training."""

    step: int
    seconds: float = 0.0
    """Training time, summed over sessions."""
    history: int = 0
    """Length of the history file in bytes."""
    sums: dict[str, tuple[float, int]] = field(default_factory=dict)
    """Sum and number of values of each loss since the last history line."""


def save_checkpoint(
    path: Path, trainable: Trainable, position: Position, description: Mapping[str, Any], runtime: Runtime
) -> None:
    """Replace the checkpoint atomically; every rank must call this, rank 0 writes.

    Args:
        path: the file to write.
        trainable: the training to save.
        position: its progress.
        description: JSON values; `load_checkpoint` accepts the file only with the same ones.
        runtime: of the training.

    Raises:
        InputError: the disk is full or the folder cannot be written to; the previous checkpoint is kept.
    """
    ranks = runtime.gather(_rank_state(trainable, runtime))
    if runtime.rank != 0:
        return
    tensors = weights(trainable)
    optimizers = {}
    for name, optimizer in trainable.optimizers.items():
        moments, optimizers[name] = _optimizer_state(optimizer)
        tensors |= {f"optimizers/{name}/{key}": value for key, value in moments.items()}
    for rank, (rank_tensors, _) in enumerate(ranks):
        tensors |= {f"rank{rank}/{key}": value for key, value in rank_tensors.items()}
    header = {
        "description": dict(description),
        "parts": _parts(trainable, runtime),
        "position": [position.step, position.seconds, position.history, position.sums],
        "optimizers": optimizers,
        "schedulers": {name: encode(s.state_dict()) for name, s in trainable.schedulers.items()},
        "ranks": [values for _, values in ranks],
    }
    write_tensors(path, tensors, KIND, header)


def load_checkpoint(path: Path, trainable: Trainable, description: Mapping[str, Any], runtime: Runtime) -> Position:
    """Restore a trainable, built as for the first step, to the state in a checkpoint.

    Returns:
        The progress at the checkpoint.

    Raises:
        InputError: the file is truncated or no checkpoint of hemabalance, or belongs to another description,
            architecture or number of processes; the message lists the differences, and no network has changed.
    """
    remedy = f"Delete the folder {path.parent} and run again: training starts from its first step"
    header, tensors = read_tensors(path, KIND, remedy)
    refuse_differences(path, "config", differences(header["description"], description), remedy)
    current = weights(trainable)
    saved = {name: value for name, value in tensors.items() if name.startswith(("networks/", "averages/"))}
    saved_architecture = {**header["parts"], **shapes(saved)}
    architecture = {**_parts(trainable, runtime), **shapes(current)}
    refuse_differences(path, "architecture", differences(saved_architecture, architecture), remedy)
    values = header["ranks"][runtime.rank]
    for name, sampler in trainable.samplers.items():
        sampler.load_state_dict(values["samplers"][name])
    with torch.no_grad():
        for name, value in current.items():
            value.copy_(tensors[name])
    for name, optimizer in trainable.optimizers.items():
        _load_optimizer(optimizer, header["optimizers"][name], _with_prefix(tensors, f"optimizers/{name}/"))
    for name, scheduler in trainable.schedulers.items():
        scheduler.load_state_dict(decode(header["schedulers"][name]))
    _load_rank_state(trainable, runtime, _with_prefix(tensors, f"rank{runtime.rank}/"), values)
    step, seconds, history, sums = header["position"]
    return Position(step, seconds, history, {name: (total, count) for name, (total, count) in sums.items()})


def weights(trainable: Trainable) -> dict[str, Tensor]:
    """All tensors of the networks and averages by name; they share memory with the networks."""
    networks = {f"networks/{name}": unwrapped(network) for name, network in trainable.networks.items()}
    averages = {f"averages/{name}": average.module for name, average in trainable.averages.items()}
    return {
        f"{name}/{key}": value
        for name, module in {**networks, **averages}.items()
        for key, value in module.state_dict().items()
    }


def _parts(trainable: Trainable, runtime: Runtime) -> dict[str, Any]:
    kinds = ("optimizers", "schedulers", "samplers", "generators")
    return {"processes": runtime.world_size, **{kind: sorted(getattr(trainable, kind)) for kind in kinds}}


def _rank_state(trainable: Trainable, runtime: Runtime) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """The state that differs between ranks: samplers and all random number generators, as tensors and JSON values."""
    numpy: Any = np.random.get_state(legacy=False)
    tensors = {f"generators/{name}": generator.get_state() for name, generator in trainable.generators.items()}
    tensors |= {
        "random/torch": torch.get_rng_state(),
        "random/numpy": torch.from_numpy(numpy["state"].pop("key").view(np.uint8)),
    }
    if runtime.device.type == "cuda":
        tensors["random/cuda"] = torch.cuda.get_rng_state(runtime.device)
    values = {
        "samplers": {name: sampler.state_dict() for name, sampler in trainable.samplers.items()},
        "python": encode(random.getstate()),
        "numpy": numpy,
    }
    return tensors, values


def _load_rank_state(
    trainable: Trainable, runtime: Runtime, tensors: Mapping[str, Tensor], values: Mapping[str, Any]
) -> None:
    for name, generator in trainable.generators.items():
        generator.set_state(tensors[f"generators/{name}"])
    numpy = values["numpy"]
    np.random.set_state(numpy | {"state": numpy["state"] | {"key": tensors["random/numpy"].numpy().view(np.uint32)}})
    random.setstate(decode(values["python"]))
    torch.set_rng_state(tensors["random/torch"])
    if runtime.device.type == "cuda":
        torch.cuda.set_rng_state(tensors["random/cuda"], runtime.device)


def _optimizer_state(optimizer: Optimizer) -> tuple[dict[str, Tensor], Any]:
    """The tensors of an optimiser by `<parameter>/<name>`, and the rest of its state."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    rest = {}
    for index, values in state["state"].items():
        tensors |= {f"{index}/{name}": value for name, value in values.items() if isinstance(value, Tensor)}
        rest[index] = {name: value for name, value in values.items() if not isinstance(value, Tensor)}
    return tensors, encode({"state": rest, "param_groups": state["param_groups"]})


def _load_optimizer(optimizer: Optimizer, values: Any, tensors: Mapping[str, Tensor]) -> None:
    state = decode(values)
    for key, tensor in tensors.items():
        index, _, name = key.partition("/")
        state["state"][int(index)][name] = tensor
    optimizer.load_state_dict(state)


def _with_prefix(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
