"""The config section `stain`: which normalisers there are, and what they are measured with."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from hemabalance.config.entries import ComparedEntry, any_entry
from hemabalance.section import ClassName, Count, Section
from hemabalance.training.small_classifier_settings import SmallClassifierSettings


class NormalizerEntry(ComparedEntry):
    """One normaliser: the name is a folder of results."""

    direction: Literal["per_class", "to_a", "to_b", "none"] = "to_a"
    """Which images: to_a, to_b maps one source; per_class (thesis) of each of stain.classes the smaller source, for
    which the class must be known, of test images too."""


if TYPE_CHECKING:
    AnyNormalizer = NormalizerEntry
else:
    AnyNormalizer = any_entry("stain", NormalizerEntry)


class PairsConfig(Section):
    """Rendered cells in both stains: paired methods learn from them, and phantom runs are measured on them."""

    train: Count = 4000
    """Pairs to learn from."""
    test: Count = 240
    """Pairs to measure on."""


class StainEvaluationConfig(Section):
    """On how much normalisers are measured."""

    max_images: int = Field(2000, ge=8)
    """Images of each source, for distances, reconstruction and audit."""
    kid_subset: int = Field(1000, ge=2)
    """Images of a KID subset; at most as many as there are."""
    folds: int = Field(5, ge=2, le=20)
    """Folds of the probes' cross-validation."""


class StainConfig(Section):
    """Stain normalisation (thesis §3.4)."""

    normalizers: dict[str, AnyNormalizer] = Field(min_length=1)
    """Normalisers, by name."""
    classes: tuple[ClassName, ...] = (
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature_granulocyte",
        "lymphocyte",
        "monocyte",
    )
    """Those that the direction per_class maps (thesis §4.1)."""
    pairs: PairsConfig = PairsConfig()
    classifier: SmallClassifierSettings = SmallClassifierSettings()
    evaluation: StainEvaluationConfig = StainEvaluationConfig()

    def compared(self, protocol: str) -> list[str]:
        """Names of the normalisers in the tables of a protocol."""
        return [name for name, entry in self.normalizers.items() if protocol in entry.compare]
