"""The config section `synthesis.roles`."""

from typing import Literal

from pydantic import model_validator

from hemabalance.section import ClassName, Count, Section

Serves = Literal["rich", "rare", "all"]
"""The roles of the classes that a generator may make images of."""


class RolesConfig(Section):
    """Which class is rich, rare, or has enough, by its images after cleaning (thesis §3.5, §3.6)."""

    rare_below: Count = 100
    """A class with fewer images is rare."""
    rich_from: Count = 1000
    """A class in between is treated as rich, and the log says so."""
    enough_from: Count = 6000
    """A class with so many images or more is left alone."""
    rich: tuple[ClassName, ...] | None = None
    """Rich classes, which count instead of the thresholds."""
    rare: tuple[ClassName, ...] | None = None
    """Rare classes, which count instead of the thresholds."""

    @model_validator(mode="after")
    def _consistent(self) -> "RolesConfig":
        if self.enough_from < self.rare_below:
            raise ValueError(f"synthesis.roles: enough_from {self.enough_from} is below rare_below {self.rare_below}")
        both = sorted(set(self.rich or ()) & set(self.rare or ()))
        if both:
            raise ValueError(f"synthesis.roles lists {', '.join(both)} as rich and as rare: take it out of one list")
        return self
