"""Named tensors and a JSON header in one safetensors file with a checksum.

The package has its own writer because the library's writer leaves a temporary file behind when the process is killed,
and hides the cause of a failed write. Each file contains the sha256 of the rest of its content: the format has no
checksum, and a flipped bit would silently change a network. Nothing is unpickled.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor

from hemabalance.errors import InputError
from hemabalance.files import CHUNK, atomic_path, canonical_json

KEY, SEAL = "hemabalance", "sha256"
_BLANK = "0" * 64
"""Placeholder of the sha256 while it is computed."""
DTYPES = {
    torch.float64: "F64",
    torch.int64: "I64",
    torch.float32: "F32",
    torch.int32: "I32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
MAX_LISTED = 6
"""Differences that an error message lists."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], kind: str, header: Mapping[str, Any]) -> None:
    """Write tensors of any device, one at a time, without conversion; the same input gives the same bytes.

    Args:
        path: replaced atomically; on any error an earlier file is kept.
        tensors: by name; tensors that share memory are written once for each name.
        kind: of the file ("weights", "checkpoint"); `read_tensors` accepts only the same kind.
        header: JSON values.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    # The blank sha256 comes first: below, `index` must find it before an equal text in the description.
    entries: dict[str, Any] = {"__metadata__": {SEAL: _BLANK, KEY: canonical_json({"kind": kind, **header})}}
    end = 0
    for name, tensor in ordered:
        start, end = end, end + tensor.nbytes
        entries[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [start, end]}
    head = json.dumps(entries, separators=(",", ":")).encode()
    head += b" " * (-len(head) % 8)
    head = len(head).to_bytes(8, "little") + head
    digest = hashlib.sha256(head)
    with atomic_path(path) as part, part.open("wb") as handle:
        handle.write(head)
        for _, tensor in ordered:
            _write(tensor, handle, digest)
        handle.seek(head.index(_BLANK.encode()))
        handle.write(digest.hexdigest().encode())


def _write(tensor: Tensor, handle: BinaryIO, digest: "hashlib._Hash") -> None:
    content = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data
    handle.write(content)
    digest.update(content)


def read_tensors(path: Path, kind: str, remedy: str) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """Read a file of this kind that `write_tensors` wrote: its header and its tensors, on the CPU.

    Raises:
        InputError: the file is missing, truncated, damaged, of another kind or from another program; the message ends
            with `remedy`.
    """
    header = read_header(path, kind, remedy)
    _check_sha256(path, remedy)
    with safe_open(str(path), framework="pt") as opened:
        return header, {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def _check_sha256(path: Path, remedy: str) -> None:
    with path.open("rb") as handle:
        size = handle.read(8)
        head = size + handle.read(int.from_bytes(size, "little"))
        seal = json.loads(head[8:])["__metadata__"].get(SEAL, "")
        digest = hashlib.sha256(head.replace(seal.encode(), _BLANK.encode(), 1))
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    if seal != digest.hexdigest():
        raise InputError(path, "is damaged: its content does not match its sha256", remedy)


def read_header(path: Path, kind: str, remedy: str) -> dict[str, Any]:
    """Read the header only, without the check of the sha256; errors otherwise as `read_tensors`."""
    if not path.is_file():
        raise InputError(path, "there is no such file", remedy)
    try:
        with safe_open(str(path), framework="pt") as opened:
            header: dict[str, Any] = json.loads((opened.metadata() or {}).get(KEY, "{}"))
    except (SafetensorError, ValueError) as error:  # ValueError: a flipped bit in the JSON within its header
        raise InputError(path, f"is damaged or no safetensors file ({error})", remedy) from error
    if header.get("kind") != kind:
        content = f"contains {header['kind']}" if "kind" in header else "was written by another program"
        raise InputError(path, f"{content}, not {kind} of hemabalance", remedy)
    return header


def differences(stored: Mapping[str, Any], expected: Mapping[str, Any]) -> list[str]:
    """The values in which two descriptions differ, as "size: stored 64, expected 128"; nested keys joined by dots."""
    left, right = _flatten(json.loads(canonical_json(stored))), _flatten(json.loads(canonical_json(expected)))
    return [
        f"{key}: stored {_format(left, key)}, expected {_format(right, key)}"
        for key in sorted(left.keys() | right.keys())
        if key not in left or key not in right or left[key] != right[key]
    ]


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[Any]]:
    """The shape of each tensor by name, for `differences`."""
    return {name: list(tensor.shape) for name, tensor in tensors.items()}


def refuse_differences(path: Path, what: str, mismatches: Sequence[str], remedy: str) -> None:
    """Raise an `InputError` that lists the mismatches (from `differences`), unless there are none."""
    if mismatches:
        more = f" and {len(mismatches) - MAX_LISTED} more" if len(mismatches) > MAX_LISTED else ""
        listed = "; ".join(mismatches[:MAX_LISTED])
        raise InputError(path, f"was made for another {what} ({listed}{more})", remedy)


def _flatten(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, item in value.items():
        if isinstance(item, dict) and item:
            flat |= _flatten(item, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = item
    return flat


def _format(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "nothing"
