"""Where the weights of a trained normaliser or generator are, given a folder of a run."""

from os import PathLike
from pathlib import Path

from hemabalance.classify.model_file import WEIGHTS
from hemabalance.errors import InputError


def weights_in(path: str | PathLike[str]) -> Path:
    """The weights file in a folder, or in the only folder in it that has one; the path itself if it is a file.

    Raises:
        InputError: there is no such file, or several folders have one.
    """
    path = Path(path)
    if path.is_file():
        return path
    if not path.is_dir():
        raise InputError(path.absolute(), "does not exist", f"Give a folder of a run with {WEIGHTS}")
    if (path / WEIGHTS).is_file():
        return path / WEIGHTS
    inside = sorted(path.glob(f"*/{WEIGHTS}"))
    if len(inside) == 1:
        return inside[0]
    if inside:
        names = ", ".join(found.parent.name for found in inside)
        raise InputError(path, f"holds several folders with {WEIGHTS}: {names}", "Give one of these folders")
    raise InputError(path, f"holds no {WEIGHTS}", "Give the folder of a finished training, or run the workflow first")
