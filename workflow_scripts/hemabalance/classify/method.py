"""The interface of a classification method, one folder of `classify/methods` (see `hemabalance.methods`).

This module must not import PyTorch, because the Snakefile reads traits.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from pydantic import SerializeAsAny

from hemabalance.methods import MethodSpec, implementation, traits_of
from hemabalance.section import Section

if TYPE_CHECKING:
    from hemabalance.classify.model import Model
    from hemabalance.training.device import Runtime


class ClassifierSettings(Section):
    """Base class of the settings of every method."""


@dataclass(frozen=True)
class ClassifierTraits:
    """Properties of a method that the workflow needs before running it: `TRAITS` of its folder."""

    trains_networks: bool
    """Whether it trains networks: its fit writes a history of losses and uses a GPU."""
    frozen_features: bool = False
    """Whether it uses the network trained on ImageNet, frozen or as a start: the workflow fetches the weights, passes
    the path in the setting `features`, and provides a GPU."""


class ClassifierMethod(Protocol):
    """The module `method` of a method's folder."""

    def build(self, settings: Any, *, classes: Sequence[str], size: int, runtime: "Runtime") -> "Model":
        """An untrained model for square images of `size` pixels; `settings` is an instance of the method's settings."""


class ModelSpec(MethodSpec):
    """A method of classification and its settings."""

    STAGE: ClassVar[str] = "classify"

    settings: SerializeAsAny[ClassifierSettings]
    """Instance of the method's settings class."""

    @property
    def traits(self) -> ClassifierTraits:
        """Traits of the method."""
        return cast(ClassifierTraits, traits_of(self.STAGE, self.method))

    def build(self, *, classes: Sequence[str], size: int, runtime: "Runtime") -> "Model":
        """An untrained model of these classes for square images of `size` pixels.

        Raises:
            InputError: the model cannot be built for this size or these settings.
        """
        method = cast(ClassifierMethod, implementation(self.STAGE, self.method))
        return method.build(self.settings, classes=classes, size=size, runtime=runtime)
