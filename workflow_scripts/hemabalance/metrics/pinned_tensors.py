"""Weights of a known network in a safetensors file, verified by checksum on reading."""

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
    """Write tensors and their source to `path` as safetensors, atomically and with the same bytes every time.

    Raises:
        InputError: `path` cannot be written.
    """
    # A single metadata key, since safetensors writes several keys in random order.
    description = json.dumps({"source": source, "sha256": digest(tensors)})
    with atomic_path(path) as part:
        part.write_bytes(format_tensors(tensors, {"description": description}))


def read_pinned(path: Path, name: str, sha256: str) -> Tensors:
    """Read a file written by `write_pinned`.

    Args:
        path: the safetensors file.
        name: name of the network, for messages.
        sha256: expected `digest` of the tensors.

    Raises:
        InputError: the file is missing, damaged, or holds other weights.
    """
    remedy = "Delete it and run the same command again"
    try:
        tensors = parse_tensors(path.read_bytes())
    except FileNotFoundError:
        raise InputError(path, f"the {name} weights are not there", "Fetch them first") from None
    except SafetensorError as error:
        raise InputError(path, f"is damaged ({error})", remedy) from error
    if (actual := digest(tensors)) != sha256:
        raise InputError(path, f"does not hold the {name} weights: sha256 {actual}, not {sha256}", remedy)
    return tensors


def digest(tensors: Tensors) -> str:
    """sha256 over names, dtypes, shapes and values; independent of their order and of the file format."""
    total = hashlib.sha256()
    for name, tensor in sorted(tensors.items()):
        total.update(f"{name} {tensor.dtype.str} {tensor.shape}\n".encode())
        total.update(np.ascontiguousarray(tensor).data)
    return total.hexdigest()
