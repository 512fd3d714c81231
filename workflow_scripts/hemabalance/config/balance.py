"""The config section `balance`: which sets are balanced how."""

from typing import Literal

from pydantic import Field, model_validator

from hemabalance.section import Section


class RecipeConfig(Section):
    """One balanced set: the name is a folder of results."""

    normalizer: str
    """Whose images it holds, of stain.normalizers."""
    rich: str | None = None
    """Generator of well-filled classes, of synthesis.generators; null: none."""
    rare: str | None = None
    """Generator of rare classes; may be the same."""
    gate: Literal["none", "standard"] = "standard"
    """Which synthetic images may enter."""
    size: Literal["synthesis", "images"] = "synthesis"
    """Side of all images: synthesis.size, that of synthetic ones, or images.size, for real ones alone."""

    @property
    def generators(self) -> tuple[str, ...]:
        """Generators by name, each once."""
        return tuple(dict.fromkeys(name for name in (self.rich, self.rare) if name))

    @model_validator(mode="after")
    def _one_sharpness(self) -> "RecipeConfig":
        if self.size == "images" and self.generators:
            raise ValueError(
                "balance.recipes: a recipe with generators takes size synthesis, or sharpness alone would tell real "
                "images from synthetic ones"
            )
        return self


class BalanceConfig(Section):
    """Real and synthetic images of each class together (thesis §3.7)."""

    above: Literal["keep", "subsample"] = "keep"
    """What becomes of a class of more real training images than synthesis.draws.target_per_class."""
    audit_images: int = Field(2000, ge=8)
    """Real images of each source in the probes of the shortcut audit."""
    folds: int = Field(5, ge=2, le=20)
    """Folds of the probes' cross-validation."""
    recipes: dict[str, RecipeConfig] = Field(min_length=1)
    """Balanced sets, by name."""
