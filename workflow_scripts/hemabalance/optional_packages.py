"""Packages that only some commands need, and that a plain installation does not bring."""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from hemabalance.errors import InputError


def import_optional(name: str, packages: Sequence[str], *, purpose: str) -> Any:
    """Import a package.

    Args:
        name: package to import.
        packages: all packages that the purpose needs, for the message.
        purpose: what they are for, such as `the export`.

    Raises:
        InputError: it is not installed; says how to install the packages.
    """
    try:
        return import_module(name)
    except ImportError as error:
        remedy = f"Install the packages for {purpose}: pip install {' '.join(packages)}"
        raise InputError(f"package {name}", "is not installed", remedy) from error
