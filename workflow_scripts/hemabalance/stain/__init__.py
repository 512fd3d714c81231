"""Stain normalisation, one module a method; a name in config maps to a module path, imported on use."""

import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:  # the Snakefile reads this registry, and must not load PyTorch
    from hemabalance.stain.normalizer import Normalizer
    from hemabalance.training.device import Runtime

METHODS = {
    "wcyclegan_gp": "hemabalance.stain.wcyclegan_gp",
    "cyclegan": "hemabalance.stain.cyclegan",
    "pix2pix": "hemabalance.stain.pix2pix",
    "reinhard": "hemabalance.stain.reinhard",
    "macenko": "hemabalance.stain.macenko",
    "vahadane": "hemabalance.stain.vahadane",
    "none": "hemabalance.stain.none",
}

NETWORKS = ("wcyclegan_gp", "cyclegan", "pix2pix")
"""The methods that train networks, and so leave a history and want a GPU."""


class Method(Protocol):
    """What every method module provides."""

    INVERTIBLE: bool
    """Whether `inverse` brings a transformed image back."""

    PAIRED: bool
    """Whether fitting needs the same cells in both stains."""

    def build(self, settings: Mapping[str, Any], *, size: int, runtime: "Runtime") -> "Normalizer":
        """An unfitted normaliser for square images of `size` pixels; `settings` are the method's own."""


def method_module(name: str) -> Method:
    """The module of method `name`."""
    return cast(Method, importlib.import_module(METHODS[name]))
