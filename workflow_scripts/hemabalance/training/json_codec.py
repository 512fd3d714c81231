"""Lossless JSON encoding of Python values that JSON lacks: tuples, integer keys, infinities and NaN."""

from math import isfinite
from typing import Any


def encode(value: Any) -> Any:
    """JSON that `decode` turns back into an equal value of the same type.

    Raises:
        TypeError: the value contains something other than None, bool, number, string, list, tuple or dict.
    """
    if isinstance(value, float) and not isfinite(value):
        return {"float": str(value)}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [encode(item) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[encode(key), encode(item)] for key, item in value.items()]}
    raise TypeError(f"cannot keep {type(value).__name__} {value!r} in a checkpoint")


def decode(value: Any) -> Any:
    """The value that `encode` encoded."""
    if isinstance(value, list):
        return [decode(item) for item in value]
    if not isinstance(value, dict):
        return value
    ((kind, inner),) = value.items()
    if kind == "float":
        return float(inner)
    if kind == "tuple":
        return tuple(decode(item) for item in inner)
    return {decode(key): decode(item) for key, item in inner}
