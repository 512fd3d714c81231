"""The config section `scarcity`: recipes compared where well-filled classes are cut to few training images."""

from collections.abc import Iterable

from pydantic import Field, model_validator

from hemabalance.classes import ClassName
from hemabalance.section import Count, Section

PREFIX = "scarcity_"
"""Start of the names of the experiments that belong to the recipes; followed by the name of the recipe."""


class ScarcityRecipe(Section):
    """One recipe of the comparison: a model on a balanced set, or the average of such recipes."""

    recipe: str | None = None
    """The balanced set, an entry of balance.recipes."""
    model: str | None = None
    """An entry of classify.models, or the name of a method, which then has its default settings."""
    average: tuple[str, ...] = ()
    """In place of a set and a model: two or more other recipes, whose probabilities are averaged seed by seed."""


class ScarcityConfig(Section):
    """The scarcity experiment: recipes compared at n training images of each scarce class; `snakemake scarcity`."""

    classes: tuple[ClassName, ...] = ()
    """Well-filled classes that are cut to n training images; none: there is no such experiment."""
    n: tuple[Count, ...] = Field((10,), min_length=1)
    """Numbers of training images of each scarce class."""
    draws: Count = 3
    """Number of draws of the n images; draws and seeds are combined."""
    seeds: tuple[int, ...] = Field((1, 2, 3), min_length=1)
    """Seeds of the trainings of each recipe in each draw."""
    recipes: dict[str, ScarcityRecipe] = Field(default_factory=dict)
    """The recipes, by name."""
    baseline: str = ""
    """Recipe with class-balanced sampling, from which the gap to the ceiling is measured."""
    line: str = ""
    """Best recipe without synthetic images, the line to beat; named before the test images are seen."""
    control: str = ""
    """Recipe with repeats of real images in place of the synthetic ones."""
    synthesis: tuple[str, ...] = ()
    """Recipes with synthetic images, each compared with the line; the report's sentence is about the first."""
    ceiling: str = ""
    """Recipe that is also trained on the whole classes, under leak_free."""

    @property
    def roles(self) -> dict[str, str]:
        """Key of each role of a recipe -> the recipe."""
        single = {key: getattr(self, key) for key in ("baseline", "line", "control", "ceiling")}
        return single | {f"synthesis.{index}": name for index, name in enumerate(self.synthesis)}

    def members(self, recipe: str) -> tuple[str, ...]:
        """The recipes with a model of their own that a recipe consists of: itself, or those of its average."""
        return self.recipes[recipe].average or (recipe,)

    @model_validator(mode="after")
    def _distinct(self) -> "ScarcityConfig":
        for key in ("classes", "n", "seeds", "synthesis"):
            values = getattr(self, key)
            if len(set(values)) < len(values):
                raise ValueError(f"scarcity.{key} lists a value twice: {list(values)}")
        return self

    @model_validator(mode="after")
    def _complete_recipes(self) -> "ScarcityConfig":
        alone = {name for name, entry in self.recipes.items() if not entry.average}
        for name, entry in self.recipes.items():
            where = f"scarcity.recipes.{name}"
            if not entry.average and not (entry.recipe and entry.model):
                raise ValueError(f"{where} must have `recipe` and `model`, or `average`")
            if entry.average and (entry.recipe or entry.model):
                raise ValueError(f"{where} has `average`, and beside it `recipe` or `model`: remove one of them")
            if entry.average and len(set(entry.average)) < max(2, len(entry.average)):
                raise ValueError(f"{where}.average is {list(entry.average)}: name two or more recipes, each once")
            _require_known(f"{where}.average", entry.average, alone, "recipes with a model")
        return self

    @model_validator(mode="after")
    def _known_roles(self) -> "ScarcityConfig":
        if not self.classes:
            return self
        for key, name in self.roles.items():
            _require_known(f"scarcity.{key}", [name], set(self.recipes), "scarcity.recipes")
        if not self.synthesis:
            raise ValueError("scarcity.synthesis names no recipe: there is nothing to compare with the line")
        return self


def _require_known(where: str, names: Iterable[str], known: set[str], what: str) -> None:
    for name in names:
        if name not in known:
            raise ValueError(f"{where} names {name!r}, which is not among {what}: {', '.join(sorted(known)) or 'none'}")
