"""Trained networks in a safetensors file that says what they are."""

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
REMEDY = "Set the config as it was in that training, or delete the file and train again"


def save_tensors(path: Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write tensors and the JSON values that describe them, atomically.

    Raises:
        InputError: the disk is full or the folder cannot be written to; an earlier file stays as it was.
    """
    write_tensors(path, tensors, KIND, {"description": dict(description)})


def load_tensors(path: Path, description: Mapping[str, Any]) -> dict[str, Tensor]:
    """Read what `save_tensors` wrote, on the CPU.

    Raises:
        InputError: the file is missing, truncated, foreign, or described otherwise; each difference is named.
    """
    header, tensors = read_tensors(path, KIND, REMEDY)
    refuse_differences(path, "config", differences(header["description"], description), REMEDY)
    return tensors


def read_description(path: Path) -> dict[str, Any]:
    """The description alone; errors as `load_tensors`."""
    description: dict[str, Any] = read_header(path, KIND, REMEDY)["description"]
    return description


def save_weights(path: Path, modules: Mapping[str, nn.Module], description: Mapping[str, Any]) -> None:
    """Write networks, wrapped or not, as float32 (whole-number buffers as they are); errors as `save_tensors`."""
    save_tensors(
        path, {k: v.float() if v.is_floating_point() else v for k, v in _tensors(modules).items()}, description
    )


def load_weights(path: Path, modules: Mapping[str, nn.Module], description: Mapping[str, Any]) -> None:
    """Fill networks, on their devices, with what `save_weights` wrote; all or none.

    Raises:
        InputError: as `load_tensors`, or a tensor's name or shape differs from the networks'.
    """
    loaded, own = load_tensors(path, description), _tensors(modules)
    refuse_differences(path, "architecture", differences(shapes(loaded), shapes(own)), REMEDY)
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(loaded[name])


def _tensors(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{name}.{key}": v for name, m in modules.items() for key, v in unwrapped(m).state_dict().items()}
