"""What a method of classification provides; its folder is in `classify/methods` (see `hemabalance.methods`).

PyTorch is not imported here, as the Snakefile reads traits.
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
    """Settings of any model; a method's settings class is a subclass."""


@dataclass(frozen=True)
class ClassifierTraits:
    """What the workflow must know of a method before it runs: `TRAITS` of its folder."""

    trains_networks: bool
    """It leaves a history of losses, and wants a GPU."""
    frozen_features: bool = False
    """It stands on a network that learned ImageNet: the workflow fetches its file, names it to the method in a setting
    `features`, and gives a GPU to run it."""


class ClassifierMethod(Protocol):
    """What the module `method` of a method's folder provides."""

    def build(self, settings: Any, *, classes: Sequence[str], size: int, runtime: "Runtime") -> "Model":
        """An untrained model of square images of `size` pixels; `settings` is an object of the method's own."""


class ModelSpec(MethodSpec):
    """A method of classification and its settings."""

    STAGE: ClassVar[str] = "classify"

    settings: SerializeAsAny[ClassifierSettings]
    """An object of the method's settings class."""

    @property
    def traits(self) -> ClassifierTraits:
        """The method's."""
        return cast(ClassifierTraits, traits_of(self.STAGE, self.method))

    def build(self, *, classes: Sequence[str], size: int, runtime: "Runtime") -> "Model":
        """An untrained model of square images of `size` pixels that tells `classes` apart.

        Raises:
            InputError: it cannot be built for this size or these settings.
        """
        method = cast(ClassifierMethod, implementation(self.STAGE, self.method))
        return method.build(self.settings, classes=classes, size=size, runtime=runtime)
