"""Presets: sources, classes and taxonomies of published archives, one YAML file each."""

from functools import cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent


def preset_names() -> tuple[str, ...]:
    """The presets, in alphabetical order."""
    return tuple(sorted(path.stem for path in FOLDER.glob("*.yaml")))


@cache
def preset(name: str) -> dict[str, Any]:
    """The content of a preset: `sources`, `taxonomies`, and defaults of further keys of the config.

    Raises:
        FileNotFoundError: there is no such preset.
    """
    loaded: dict[str, Any] = yaml.safe_load((FOLDER / f"{name}.yaml").read_text("utf-8"))
    return loaded
