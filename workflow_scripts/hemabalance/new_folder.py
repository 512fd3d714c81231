"""A folder that a command fills: complete under its name, or not there at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hemabalance.errors import InputError
from hemabalance.files import check_new_folder


def check_free_folder(folder: str | Path) -> None:
    """Try, before any work, whether a folder can be filled: it is missing and can be made, or it is empty.

    Raises:
        InputError: it holds something, is no folder, or it or the folder around it cannot be written to.
    """
    folder = Path(folder).absolute()
    if not os.path.isdir(folder) or folder.is_symlink():
        check_new_folder(folder)
        return
    if any(folder.iterdir()):
        raise InputError(folder, "is not empty; nothing is overwritten", "Choose another folder, or empty it")
    if not os.access(folder.parent, os.W_OK):
        remedy = "Choose another place, or check its owner and its permissions"
        raise InputError(folder, f"cannot be written: {folder.parent} (Permission denied)", remedy)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder beside `folder`; rename it on success, remove it on any error.

    An empty folder of this name is replaced; what a folder holds never is.

    Raises:
        InputError: the folder, or a file in it, cannot be written.
    """
    temporary = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        # A subfolder, because mkdtemp makes its folder readable only by its owner.
        unfinished = temporary / folder.name
        unfinished.mkdir()
        yield unfinished
        os.rename(unfinished, folder)
    except OSError as error:
        problem = f"cannot be written ({error.strerror or error})"
        remedy = "Free some space or choose another folder, and run the same command again"
        raise InputError(folder, problem, remedy) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)
