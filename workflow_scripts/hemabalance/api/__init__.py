"""The Python interface: trained results of the workflow and its searches, for scripts and notebooks.

    from hemabalance import Classifier, Generator, InputError, Normalizer, find_copies

Images are RGB uint8 arrays (height, width, 3), or files; see `api.images`. What a user can correct is an `InputError`.
"""

from importlib import import_module
from typing import Any

PUBLIC = {
    "Classifier": "hemabalance.api.classifier",
    "Generator": "hemabalance.api.generator",
    "InputError": "hemabalance.errors",
    "Normalizer": "hemabalance.api.normalizer",
    "find_copies": "hemabalance.api.copies",
}
"""Public name -> its module, which is imported when the name is used."""


def public(name: str) -> Any:
    """A public name, for the `__getattr__` of the package.

    Raises:
        AttributeError: there is none of this name.
    """
    if name == "__all__":
        return sorted(PUBLIC)
    if name not in PUBLIC:
        raise AttributeError(f"module 'hemabalance' has no attribute {name!r}")
    return getattr(import_module(PUBLIC[name]), name)
