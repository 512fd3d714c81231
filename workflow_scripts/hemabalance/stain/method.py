"""What a method of stain normalisation provides; its folder is in `stain/methods` (see `hemabalance.methods`).

PyTorch is not imported here, as the Snakefile reads traits.
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
    """Settings of any normaliser; a method's settings class is a subclass."""


@dataclass(frozen=True)
class NormalizerTraits:
    """What the workflow must know of a method before it runs: `TRAITS` of its folder."""

    trains_networks: bool
    """It leaves a history of losses, and wants a GPU."""
    paired: bool
    """It learns from the same cells in both stains, which the phantom renders."""
    invertible: bool
    """`inverse` brings a transformed image back."""
    changes_images: bool = True
    """False where images stay as they are."""


class StainMethod(Protocol):
    """What the module `method` of a method's folder provides."""

    def build(self, settings: Any, *, size: int, runtime: "Runtime") -> "Normalizer":
        """An unfitted normaliser for square images of `size` pixels; `settings` is an object of the method's own."""


class NormalizerSpec(MethodSpec):
    """A method of stain normalisation and its settings."""

    STAGE: ClassVar[str] = "stain"

    settings: SerializeAsAny[NormalizerSettings]
    """An object of the method's settings class."""

    @property
    def traits(self) -> NormalizerTraits:
        """The method's."""
        return cast(NormalizerTraits, traits_of(self.STAGE, self.method))

    def build(self, *, size: int, runtime: "Runtime") -> "Normalizer":
        """An unfitted normaliser for square images of `size` pixels.

        Raises:
            InputError: it cannot be built for this size or these settings.
        """
        method = cast(StainMethod, implementation(self.STAGE, self.method))
        return method.build(self.settings, size=size, runtime=runtime)
