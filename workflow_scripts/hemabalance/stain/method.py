"""The interface of a method of stain normalisation; each has a folder in `stain/methods` (see `hemabalance.methods`).

PyTorch is not imported here, because the Snakefile reads the traits.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, cast

from pydantic import SerializeAsAny

from hemabalance.methods import MethodSpec, implementation, traits_of
from hemabalance.section import Section

if TYPE_CHECKING:
    from hemabalance.stain.normalizer import Normalizer
    from hemabalance.training.device import Runtime


class NormalizerSettings(Section):
    """Base class of the settings of all methods of stain normalisation."""


@dataclass(frozen=True)
class NormalizerTraits:
    """Properties of a method that the workflow needs before it runs: `TRAITS` in the method's folder."""

    trains_networks: bool
    """It writes a history of losses, and runs on a GPU if there is one."""
    paired: bool
    """It learns from the same cells in both stains, which the phantom renders."""
    invertible: bool
    """`inverse` maps a transformed image back."""
    changes_images: bool = True
    """False if the method leaves all images unchanged."""
    needs_teacher: bool = False
    """It learns to imitate another fitted normaliser, the key `teacher` of its entries."""


class StainMethod(Protocol):
    """The interface of the module `method` in a method's folder."""

    def build(self, settings: Any, *, size: int, runtime: "Runtime") -> "Normalizer":
        """An unfitted normaliser for square images of `size` pixels; `settings` is of the method's settings class."""


class NormalizerSpec(MethodSpec):
    """A method of stain normalisation and its settings."""

    STAGE: ClassVar[str] = "stain"

    settings: SerializeAsAny[NormalizerSettings]
    """An object of the method's settings class."""

    @property
    def traits(self) -> NormalizerTraits:
        """The traits of the method."""
        return cast(NormalizerTraits, traits_of(self.STAGE, self.method))

    def build(self, *, size: int, runtime: "Runtime") -> "Normalizer":
        """An unfitted normaliser for square images of `size` pixels.

        Raises:
            InputError: it cannot be built for this size or these settings.
        """
        method = cast(StainMethod, implementation(self.STAGE, self.method))
        return method.build(self.settings, size=size, runtime=runtime)
