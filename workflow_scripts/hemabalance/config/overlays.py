"""Configs of several files, of which each overlays the ones before, as Snakemake reads them."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.config.run import read_config_file
from hemabalance.errors import InputError


def read_overlaid(paths: Sequence[Path]) -> dict[str, Any]:
    """The values of config files of which each overlays the ones before.

    Raises:
        InputError: a file is missing or is not valid YAML.
    """
    values: dict[str, Any] = {}
    for path in paths:
        if not path.exists():
            remedy = "Start the command in the folder of the project, or name the file"
            raise InputError(path.absolute(), "does not exist", remedy)
        values = overlaid(values, read_config_file(path))
    return values


def overlaid(values: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those of an overlay in their place; mappings are merged key by key."""
    merged = dict(values)
    for key, value in overlay.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = overlaid(before, value)
        merged[key] = value
    return merged
