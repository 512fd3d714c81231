"""The user's folder for caches."""

import os
from pathlib import Path


def cache_folder() -> Path:
    """XDG_CACHE_HOME, or ~/.cache; it need not exist."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"))
