"""The config section `stain`: normalisers and their evaluation."""

from typing import TYPE_CHECKING, Literal

from pydantic import Field, model_validator

from hemabalance.classes import ClassName
from hemabalance.config.entries import ComparedEntry, any_entry
from hemabalance.methods import traits_of
from hemabalance.section import Count, Section
from hemabalance.training.small_classifier_settings import SmallClassifierSettings


class NormalizerEntry(ComparedEntry):
    """One normaliser; its name is that of a folder in the results."""

    direction: Literal["per_class", "to_a", "to_b", "none"] = "to_a"
    """Which images are mapped: to_a, those of all sources to the stain of the reference; none; or with exactly two
    sources to_b, those of the reference to the stain of the other, or, as in the thesis, per_class, for each class of
    stain.classes those of the smaller source. per_class uses the class labels, also those of test images, and makes
    the background reveal the class."""
    teacher: str | None = None
    """Another normaliser, which a method that needs a teacher learns to imitate; none for the other methods."""


if TYPE_CHECKING:
    AnyNormalizer = NormalizerEntry
else:
    AnyNormalizer = any_entry("stain", NormalizerEntry)


class PairsConfig(Section):
    """Pairs of one rendered cell in both stains, for training paired methods and for evaluation in phantom runs.

    They exist for the archives of a preset and for rendered sources; otherwise paired methods are left out.
    """

    train: Count = 4000
    """Number of training pairs."""
    test: Count = 240
    """Number of test pairs."""


class StainEvaluationConfig(Section):
    """Sample sizes in the evaluation of normalisers."""

    max_images: int = Field(2000, ge=8)
    """Largest number of images of each source, for distances, reconstruction and audit."""
    kid_subset: int = Field(1000, ge=2)
    """Images of a KID subset; limited to the available number."""
    folds: int = Field(5, ge=2, le=20)
    """Folds of the probes' cross-validation."""


class StainConfig(Section):
    """Stain normalisation (thesis §3.4)."""

    normalizers: dict[str, AnyNormalizer] = Field(min_length=1)
    """Normalisers, by name."""
    classes: tuple[ClassName, ...] | None = None
    """Classes that the direction per_class maps; default: all of which both sources have images (thesis §4.1: six)."""
    pairs: PairsConfig = PairsConfig()
    classifier: SmallClassifierSettings = SmallClassifierSettings()
    evaluation: StainEvaluationConfig = StainEvaluationConfig()

    @model_validator(mode="after")
    def _known_teachers(self) -> "StainConfig":
        for name, entry in self.normalizers.items():
            where, needed = f"stain.normalizers.{name}.teacher", traits_of("stain", entry.method).needs_teacher
            if entry.teacher is None and needed:
                raise ValueError(
                    f"{where} is missing, and the method {entry.method} learns to imitate another normaliser: choose "
                    f"one of {', '.join(self._possible_teachers())}"
                )
            if entry.teacher is not None and not needed:
                raise ValueError(
                    f"{where} is {entry.teacher!r}, but the method {entry.method} learns from no teacher: remove it"
                )
            if entry.teacher is not None and entry.teacher not in self._possible_teachers():
                raise ValueError(
                    f"{where} is {entry.teacher!r}, which is not a normaliser that changes images and has no teacher "
                    f"itself: choose one of {', '.join(self._possible_teachers())}"
                )
        return self

    def _possible_teachers(self) -> list[str]:
        entries = self.normalizers.items()
        alone = {name: entry.method for name, entry in entries if entry.teacher is None}
        traits = {name: traits_of("stain", method) for name, method in alone.items()}
        return [name for name, trait in traits.items() if trait.changes_images and not trait.needs_teacher]
