"""Classification of cells, one module a method; a name in config maps to a module path, imported on use."""

import importlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol, cast

if TYPE_CHECKING:  # the Snakefile reads this registry, and must not load PyTorch
    from hemabalance.classify.model import Model
    from hemabalance.training.device import Runtime

METHODS = {
    "senet154": "hemabalance.classify.senet154",
    "timm": "hemabalance.classify.timm_models",
    "sequential_cnn": "hemabalance.classify.sequential_cnn",
    "naive_bayes": "hemabalance.classify.naive_bayes",
    "logistic": "hemabalance.classify.logistic",
}


class Method(Protocol):
    """What every method module provides."""

    def build(self, settings: Mapping[str, Any], *, classes: Sequence[str], size: int, runtime: "Runtime") -> "Model":
        """An untrained model of square images of `size` pixels; `settings` are the method's own.

        Raises:
            InputError: it cannot be built for these settings or this size.
        """


def method_module(name: str) -> Method:
    """The module of method `name`."""
    return cast(Method, importlib.import_module(METHODS[name]))
