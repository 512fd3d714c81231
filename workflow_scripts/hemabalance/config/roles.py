"""The config section `synthesis.roles`."""

from typing import Literal

from pydantic import model_validator

from hemabalance.classes import ClassName
from hemabalance.section import Count, Section

Serves = Literal["rich", "rare", "all"]
"""The roles of classes that a generator can generate."""


class RolesConfig(Section):
    """Which classes are rich, are rare, or have enough images, by their numbers after cleaning (thesis §3.5, §3.6)."""

    rare_below: Count = 100
    """A class with fewer images is rare."""
    rich_from: Count = 1000
    """A class with this many images or more is rich; one between the two thresholds is treated as rich, with a message
    in the log."""
    enough_from: Count = 6000
    """A class with this many images or more gets no synthetic images."""
    rich: tuple[ClassName, ...] | None = None
    """Rich classes; overrides the thresholds."""
    rare: tuple[ClassName, ...] | None = None
    """Rare classes; overrides the thresholds."""

    @model_validator(mode="after")
    def _consistent(self) -> "RolesConfig":
        if self.enough_from < self.rare_below:
            raise ValueError(f"synthesis.roles: enough_from {self.enough_from} is below rare_below {self.rare_below}")
        both = sorted(set(self.rich or ()) & set(self.rare or ()))
        if both:
            raise ValueError(f"synthesis.roles lists {', '.join(both)} as rich and as rare: remove it from one list")
        return self
