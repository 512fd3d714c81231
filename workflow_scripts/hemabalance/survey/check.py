"""Check that a proposed config loads before it is written."""

from collections.abc import Mapping
from typing import Any

import yaml

from hemabalance.config.overlays import overlaid
from hemabalance.config.run import Config, load_config


def check_loads(text: str, base: Mapping[str, Any], *, where: str) -> Config | None:
    """Load the proposed config over the files that it is to be used with; None if there are none.

    Raises:
        InputError: the config is not valid together with them.
    """
    return load_config(overlaid(base, yaml.safe_load(text)), where=where) if base else None
