"""What Snakemake demands of the machine: a path of the environment that needs no quotes, and folders to write to."""

import os
import re
import tempfile
from pathlib import Path

from hemabalance.cache_folder import cache_folder
from hemabalance.errors import InputError

# Also in the Makefile, which refuses such a folder before it installs an environment there.
_INTERPRETED = re.compile(r"""[\s'"\\$`&;|<>(){}*?]""")


def check_environment(environment: str) -> None:
    """Refuse an environment whose Python no job could start: Snakemake calls it through a shell, without quotes.

    Args:
        environment: folder of the Python environment (`sys.prefix`).

    Raises:
        InputError: the path has a character that a shell interprets.
    """
    if found := _INTERPRETED.search(environment):
        problem = f"the path of the Python environment contains {found[0]!r}, and Snakemake calls Python without quotes"
        remedy = "Install the environment in a folder whose path has no blanks, quotes or other characters of the shell"
        raise InputError(environment, problem, remedy)


def use_writable_folders(state: Path, cache: Path | None = None) -> str:
    """Give this process and its jobs folders for caches if those of the user cannot be written to.

    A home folder that is read-only or missing is common in containers and on clusters. Snakemake, matplotlib and DVC
    find their folders from XDG_CACHE_HOME and XDG_CONFIG_HOME.

    Args:
        state: Snakemake's folder `.snakemake` in the working folder.
        cache: folder that must be writable; default: XDG_CACHE_HOME, or ~/.cache.

    Returns:
        A message that says which folder is used instead; empty if the user's can be written to.
    """
    cache = cache or cache_folder()
    if _can_write(cache):
        return ""
    replacement = (state / "hemabalance" / "cache").absolute()
    os.environ["XDG_CACHE_HOME"] = str(replacement)
    if not os.path.isdir(os.path.expanduser("~")):  # then no config of the user is hidden
        os.environ.setdefault("XDG_CONFIG_HOME", str(replacement / "config"))
    return f"{cache} cannot be written to: {replacement} is used for caches; XDG_CACHE_HOME chooses another folder."


def _can_write(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
