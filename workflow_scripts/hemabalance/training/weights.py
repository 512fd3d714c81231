"""Trained networks in a safetensors file, with a description of their method and settings."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hemabalance.training.device import unwrapped
from hemabalance.training.tensorfile import (
    differences,
    read_header,
    read_tensors,
    refuse_differences,
    shapes,
    write_tensors,
)

KIND = "weights"
REMEDY = "Use the config of that training, or delete the file and train again"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write tensors and the JSON values that describe them, atomically.

    Raises:
        InputError: the disk is full or the folder cannot be written to; an earlier file is kept.
    """
    write_tensors(path, tensors, KIND, {"description": dict(description)})


def load_tensors(path: Path, description: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read the tensors that `save_tensors` wrote, on the CPU.

    Raises:
        InputError: the file is missing, truncated or no weights of hemabalance, or its description differs; the
            message lists the differences.
    """
    header, tensors = read_tensors(path, KIND, REMEDY)
    refuse_differences(path, "config", differences(header["description"], description), REMEDY)
    return tensors


def read_description(path: Path) -> dict[str, Any]:
    """Read the description only; errors as `load_tensors`."""
    description: dict[str, Any] = read_header(path, KIND, REMEDY)["description"]
    return description


def save_weights(path: Path, modules: Mapping[str, nn.Module], description: Mapping[str, Any]) -> None:
    """Write networks, wrapped or not, as float32 (integer buffers unchanged); errors as `save_tensors`."""
    save_tensors(
        path, {k: v.float() if v.is_floating_point() else v for k, v in _tensors(modules).items()}, description
    )


def load_weights(path: Path, modules: Mapping[str, nn.Module], description: Mapping[str, Any]) -> None:
    """Load weights from `save_weights` into networks, on their devices; on an error no network has changed.

    Raises:
        InputError: as `load_tensors`, or a tensor's name or shape differs from the networks'.
    """
    stored, current = load_tensors(path, description), _tensors(modules)
    refuse_differences(path, "architecture", differences(shapes(stored), shapes(current)), REMEDY)
    with torch.no_grad():
        for name, tensor in current.items():
            tensor.copy_(stored[name])


def _tensors(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{name}.{key}": v for name, m in modules.items() for key, v in unwrapped(m).state_dict().items()}
