"""The config section `balance`: recipes of balanced sets."""

from typing import Literal

from pydantic import Field, model_validator

from hemabalance.section import Section


class RecipeConfig(Section):
    """One balanced set; its name is that of a folder in the results."""

    normalizer: str
    """Normaliser of its images, an entry of stain.normalizers."""
    rich: str | None = None
    """Generator of its rich classes, an entry of synthesis.generators; null: none."""
    rare: str | None = None
    """Generator of its rare classes; may be the same one."""
    gate: Literal["none", "standard"] = "standard"
    """Which synthetic images it contains: all (`none`), or those that passed the gate (`standard`)."""
    size: Literal["synthesis", "images"] = "synthesis"
    """Side of all images: synthesis.size, or images.size, which only a recipe without generators may have."""

    @property
    def generators(self) -> tuple[str, ...]:
        """Names of the generators, without repetition."""
        return tuple(dict.fromkeys(name for name in (self.rich, self.rare) if name))

    @model_validator(mode="after")
    def _check_size(self) -> "RecipeConfig":
        if self.size == "images" and self.generators:
            raise ValueError(
                "balance.recipes: a recipe with generators must have size synthesis, because sharpness alone would "
                "otherwise distinguish real images from synthetic ones"
            )
        return self


class BalanceConfig(Section):
    """Balanced sets of real and synthetic images (thesis §3.7)."""

    above: Literal["keep", "subsample"] = "keep"
    """Treatment of a class with more real training images than synthesis.draws.target_per_class: keep all, or draw a
    subsample of that size."""
    audit_images: int = Field(2000, ge=8)
    """Number of real images of each source in the probes of the shortcut audit."""
    folds: int = Field(5, ge=2, le=20)
    """Folds of the probes' cross-validation."""
    recipes: dict[str, RecipeConfig] = Field(min_length=1)
    """Balanced sets, by name."""
