"""The config section `synthesis.draws`."""

from pydantic import Field

from hemabalance.section import Count, Section


class DrawsConfig(Section):
    """How many images are drawn."""

    target_per_class: int = Field(5000, ge=0)
    """Real training images and accepted synthetic ones together."""
    least: Count = 1000
    """Draws of each class in any case, to measure the generator on."""
    most_times: float = Field(4.0, ge=1)
    """Draws at most, as multiple of the images that are wanted; then the class is left short."""

    def missing(self, real: int) -> int:
        """Accepted synthetic images that a class with so many real training images lacks."""
        return max(0, self.target_per_class - real)

    def max_draws(self, real: int) -> int:
        """Draws after which a class is given up."""
        return max(self.least, round(self.most_times * self.missing(real)))
