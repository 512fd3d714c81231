"""How a trained classifier is applied to photographs: the options of `hemabalance predict` and of `Classifier`."""

import os
from collections.abc import Callable
from dataclasses import dataclass

from hemabalance.errors import InputError


def python_name(option: str) -> str:
    """An option as a message names it to the caller of a Python function."""
    return option


def command_name(option: str) -> str:
    """An option as a message names it on the command line."""
    return f"--{option.replace('_', '-')}"


@dataclass(frozen=True)
class PredictionOptions:
    """Device, scale and stain of the photographs.

    Attributes:
        device: `cpu` or `cuda`.
        threads: threads of the model, and decoders that run at once.
        normalize_from: take all images for images of this source of the model; None: each for the source that it is
            nearest to in colour.
        source: use the share of the frame of this source; None: that of the source that an image is taken for.
        field: share of the frame in (0, 1], or `auto`; None: see `source`.
        normalize: normalise images of sources that were normalised in training.
        named: how messages name an option.
    """

    device: str
    threads: int
    normalize_from: str | None = None
    source: str | None = None
    field: float | str | None = None
    normalize: bool = True
    named: Callable[[str], str] = python_name


def require_at_least(least: int, **values: int | None) -> None:
    """Refuse arguments, given by name, that are smaller; None is none.

    Raises:
        InputError: names the first one.
    """
    for name, value in values.items():
        if value is not None and value < least:
            raise InputError(f"{name}={value}", f"is under {least}", f"Give {least} or more")


def cores() -> int:
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
