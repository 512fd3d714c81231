"""The config section `synthesis.draws`."""

from pydantic import Field

from hemabalance.section import Count, Section


class DrawsConfig(Section):
    """Number of images that are generated."""

    target_per_class: int = Field(5000, ge=0)
    """Target number of real training images and accepted synthetic images of a class together; a generator that no
    recipe uses makes the `least` images only."""
    least: Count = 1000
    """Least number of images generated per class; the generator is evaluated on them."""
    most_times: float = Field(4.0, ge=1)
    """Largest number of images generated per class, as a multiple of the missing ones; a class may then stay below the
    target."""

    def missing(self, real: int) -> int:
        """Number of accepted synthetic images that a class with `real` real training images lacks."""
        return max(0, self.target_per_class - real)

    def max_draws(self, real: int) -> int:
        """Largest number of images to generate for a class with `real` real training images."""
        return max(self.least, round(self.most_times * self.missing(real)))
