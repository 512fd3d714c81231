"""The interface of a synthesis method; each method is a folder in `synthesis/methods` (see `hemabalance.methods`).

The Snakefile reads the traits, so this module does not import PyTorch.
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
    """Base class of the settings of every generator."""


@dataclass(frozen=True)
class GeneratorTraits:
    """Properties of a method that the workflow needs before the method runs: `TRAITS` of its folder."""

    trains_networks: bool
    """The method trains networks: it writes a history of losses and should run on a GPU."""
    serves: Serves
    """Role of the classes that the method generates, unless the config says otherwise."""
    meta_learned: bool
    """True: trained on the rich classes and adapted to the served ones. False: trained on the served classes."""
    starts_from_teacher: tuple[str, ...] = ()
    """Settings that must be those of the teacher, if the training starts from the teacher's network, which it then
    needs; empty for any other method."""
    teacher_serves: Serves = "rich"
    """Role of the classes that such a teacher must generate."""
    asks_judge: bool = False
    """The training asks the judge, the classifier that is trained on real training images only."""


class SynthesisMethod(Protocol):
    """Functions that the module `method` of a method's folder provides."""

    def build(self, settings: Any, *, classes: "Classes", size: int, runtime: "Runtime") -> "Generator":
        """An untrained generator of square images of `size` pixels; `settings` is of the method's settings class."""


class GeneratorSpec(MethodSpec):
    """A synthesis method and its settings."""

    STAGE: ClassVar[str] = "synthesis"

    settings: SerializeAsAny[GeneratorSettings]
    """Object of the method's settings class."""

    @property
    def traits(self) -> GeneratorTraits:
        """Traits of the method."""
        return cast(GeneratorTraits, traits_of(self.STAGE, self.method))

    def build(self, *, classes: "Classes", size: int, runtime: "Runtime") -> "Generator":
        """An untrained generator of square images of `size` pixels.

        Raises:
            InputError: the networks cannot be built for this size or these settings, or the classes are unsuitable.
        """
        method = cast(SynthesisMethod, implementation(self.STAGE, self.method))
        return method.build(self.settings, classes=classes, size=size, runtime=runtime)
