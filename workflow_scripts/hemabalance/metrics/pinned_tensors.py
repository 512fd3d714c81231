"""Weights of a known network in a safetensors file that is read only while it holds exactly those."""

import hashlib
import json
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load as parse_tensors
from safetensors.numpy import save as format_tensors

from hemabalance.errors import InputError
from hemabalance.files import atomic_path

Tensors = dict[str, np.ndarray]


def write_pinned(path: Path, tensors: Tensors, source: str) -> None:
    """Write tensors, and where they are from, to `path` as safetensors; whole or not at all, always the same bytes.

    Raises:
        InputError: `path` cannot be written.
    """
    # One key: safetensors writes several in an order that changes from run to run.
    described = json.dumps({"source": source, "sha256": digest(tensors)})
    with atomic_path(path) as part:
        part.write_bytes(format_tensors(tensors, {"description": described}))


def read_pinned(path: Path, name: str, sha256: str) -> Tensors:
    """What `write_pinned` wrote.

    Args:
        path: of the file.
        name: of the network, for messages.
        sha256: what `digest` must give.

    Raises:
        InputError: the file is missing, damaged, or holds other weights.
    """
    again = "Delete it and run the same command again"
    try:
        tensors = parse_tensors(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, f"the {name} weights are not there", "Fetch them first") from None
    except SafetensorError as error:
        raise InputError(path, f"is damaged ({error})", again) from error
    if (found := digest(tensors)) != sha256:
        raise InputError(path, f"does not hold the {name} weights: sha256 {found}, not {sha256}", again)
    return tensors


def digest(tensors: Tensors) -> str:
    """The sha256 over names, types, shapes and values, whatever the order and the version of the file format."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
        total.update(np.ascontiguousarray(tensor).data)
    return total.hexdigest()
