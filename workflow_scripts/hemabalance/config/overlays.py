"""Configs of several files, of which each overlays the ones before, as Snakemake reads them."""

from collections.abc import Mapping
from typing import Any


def overlaid(values: Mapping[str, Any], overlay: Mapping[str, Any]) -> dict[str, Any]:
    """The values with those of an overlay in their place; mappings are merged key by key."""
    merged = dict(values)
    for key, value in overlay.items():
        before = merged.get(key)
        if isinstance(before, Mapping) and isinstance(value, Mapping):
            value = overlaid(before, value)
        merged[key] = value
    return merged
