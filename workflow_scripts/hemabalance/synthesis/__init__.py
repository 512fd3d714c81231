"""Synthesis of images, one module a method; a name in config maps to a module path, imported on use."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:  # the Snakefile reads this registry, and must not load PyTorch
    from hemabalance.synthesis.generator import Generator
    from hemabalance.synthesis.roles import Classes
    from hemabalance.training.device import Runtime

METHODS = {
    "c_wgan_gp": "hemabalance.synthesis.c_wgan_gp",
    "cwgan_gp": "hemabalance.synthesis.cwgan_gp",
    "fewshot_meta": "hemabalance.synthesis.fewshot_meta",
    "figr": "hemabalance.synthesis.figr",
}

TAUGHT = ("fewshot_meta", "figr")
"""The methods that learn to learn, from classes that they do not serve, with images of another generator besides."""


class Method(Protocol):
    """What every method module provides."""

    def build(self, settings: Mapping[str, Any], *, classes: "Classes", size: int, runtime: "Runtime") -> "Generator":
        """An untrained generator of square images of `size` pixels; `settings` are the method's own.

        Raises:
            InputError: the networks cannot be built for this size, or the classes cannot serve.
        """


def method_module(name: str) -> Method:
    """The module of method `name`."""
    return cast(Method, importlib.import_module(METHODS[name]))
