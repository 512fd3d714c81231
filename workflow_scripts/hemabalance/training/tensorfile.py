"""Named tensors and a JSON header in one safetensors file: written in a stream, refused with the difference named.

The writer is ours because the library's own leaves a temporary file behind when the process is killed, and hides the
cause of a failed write. Each file holds the sha256 of all else in it: the format has none, and one flipped bit would
quietly be another network. Nothing is ever unpickled.
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
"""In the place of the sha256 while it is computed."""
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
SHOWN = 6


def write_tensors(path: Path, tensors: Mapping[str, Tensor], kind: str, header: Mapping[str, Any]) -> None:
    """Write tensors of any device, one at a time, as they are; the same input gives the same bytes.

    Args:
        path: replaced as a whole or, on any error, left as it was.
        tensors: by name; names that share memory are written twice.
        kind: what the file is ("weights", "checkpoint"): `read_tensors` asks for it again.
        header: JSON values.

    Raises:
        InputError: the disk is full or the folder cannot be written to.
    """
    ordered = sorted(tensors.items(), key=lambda item: (-item[1].element_size(), item[0]))
    # The seal comes first, where nothing else can be taken for it.
    entries: dict[str, Any] = {"__metadata__": {SEAL: _BLANK, KEY: canonical_json({"kind": kind, **header})}}
    end = 0
    for name, tensor in ordered:
        begin, end = end, end + tensor.nbytes
        entries[name] = {"dtype": DTYPES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [begin, end]}
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
    """The header and the tensors, on the CPU, of a file that `write_tensors` made as this kind.

    Raises:
        InputError: the file is missing, truncated, damaged, or of another kind or origin; it ends in `remedy`.
    """
    header = read_header(path, kind, remedy)
    _check(path, remedy)
    with safe_open(str(path), framework="pt") as opened:
        return header, {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118


def _check(path: Path, remedy: str) -> None:
    with path.open("rb") as handle:
        size = handle.read(8)
        head = size + handle.read(int.from_bytes(size, "little"))
        seal = json.loads(head[8:])["__metadata__"].get(SEAL, "")
        digest = hashlib.sha256(head.replace(seal.encode(), _BLANK.encode(), 1))
        while chunk := handle.read(CHUNK):
            digest.update(chunk)
    if seal != digest.hexdigest():
        raise InputError(path, "is damaged: its content is not that of its sha256", remedy)


def read_header(path: Path, kind: str, remedy: str) -> dict[str, Any]:
    """The header alone; errors as `read_tensors`."""
    if not path.is_file():
        raise InputError(path, "there is no such file", remedy)
    try:
        with safe_open(str(path), framework="pt") as opened:
            header: dict[str, Any] = json.loads((opened.metadata() or {}).get(KEY, "{}"))
    except (SafetensorError, ValueError) as error:  # ValueError: a flipped bit in the JSON within its header
        raise InputError(path, f"is damaged or no safetensors file ({error})", remedy) from error
    if header.get("kind") != kind:
        made = f"holds {header['kind']}" if "kind" in header else "was made by another program"
        raise InputError(path, f"{made}, not {kind} of hemabalance", remedy)
    return header


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> list[str]:
    """What two descriptions do not share, as "size: 64 there, 128 here"; nested keys joined by dots."""
    left, right = _flat(json.loads(canonical_json(there))), _flat(json.loads(canonical_json(here)))
    return [
        f"{key}: {_shown(left, key)} there, {_shown(right, key)} here"
        for key in sorted(left.keys() | right.keys())
        if key not in left or key not in right or left[key] != right[key]
    ]


def shapes(tensors: Mapping[str, Tensor]) -> dict[str, list[Any]]:
    """What `differences` compares of tensors."""
    return {name: list(tensor.shape) for name, tensor in tensors.items()}


def refuse_differences(path: Path, what: str, found: Sequence[str], remedy: str) -> None:
    """Raise an `InputError` that names the differences, unless there is none."""
    if found:
        more = f" and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InputError(path, f"was made for another {what} ({'; '.join(found[:SHOWN])}{more})", remedy)


def _flat(value: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for key, inner in value.items():
        if isinstance(inner, dict) and inner:
            flat |= _flat(inner, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = inner
    return flat


def _shown(values: Mapping[str, Any], key: str) -> str:
    return json.dumps(values[key], ensure_ascii=False) if key in values else "nothing"
