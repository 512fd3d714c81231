"""What a method of synthesis provides; its folder is in `synthesis/methods` (see `hemabalance.methods`).

PyTorch is not imported here, as the Snakefile reads traits.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from pydantic import SerializeAsAny

from hemabalance.config.roles import Serves
from hemabalance.methods import MethodSpec, implementation, traits_of
from hemabalance.section import Section

if TYPE_CHECKING:
    from hemabalance.synthesis.generator import Generator
    from hemabalance.synthesis.roles import Classes
    from hemabalance.training.device import Runtime


class GeneratorSettings(Section):
    """Settings of any generator; a method's settings class is a subclass."""


@dataclass(frozen=True)
class GeneratorTraits:
    """What the workflow must know of a method before it runs: `TRAITS` of its folder."""

    trains_networks: bool
    """It leaves a history of losses, and wants a GPU."""
    serves: Serves
    """The classes that it makes images of, unless the entry in config says otherwise."""
    meta_learned: bool
    """It learns from the rich classes, and is adapted to those that it serves; another learns from those it serves."""


class SynthesisMethod(Protocol):
    """What the module `method` of a method's folder provides."""

    def build(self, settings: Any, *, classes: "Classes", size: int, runtime: "Runtime") -> "Generator":
        """An untrained generator of square images of `size` pixels; `settings` is an object of the method's own."""


class GeneratorSpec(MethodSpec):
    """A method of synthesis and its settings."""

    STAGE: ClassVar[str] = "synthesis"

    settings: SerializeAsAny[GeneratorSettings]
    """An object of the method's settings class."""

    @property
    def traits(self) -> GeneratorTraits:
        """The method's."""
        return cast(GeneratorTraits, traits_of(self.STAGE, self.method))

    def build(self, *, classes: "Classes", size: int, runtime: "Runtime") -> "Generator":
        """An untrained generator of square images of `size` pixels.

        Raises:
            InputError: it cannot be built for this size or these settings, or the classes cannot serve.
        """
        method = cast(SynthesisMethod, implementation(self.STAGE, self.method))
        return method.build(self.settings, classes=classes, size=size, runtime=runtime)
