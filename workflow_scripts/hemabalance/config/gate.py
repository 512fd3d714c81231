"""The config section `synthesis.gate`."""

from hemabalance.section import Count, Section, Share


class GateSettings(Section):
    """Thresholds of the gate."""

    confidence: Share = 0.5
    """Least confidence of the independent classifier in the requested class, which it must also predict."""
    neighbours: Count = 10
    """k of the manifold of real images: the radius around an image is the distance to its k-th nearest neighbour."""
    copy_quantile: Share = 0.01
    """An image counts as a copy if its distance to a training image is below this quantile of the distances between
    real images and their nearest neighbours."""


class GateConfig(GateSettings):
    """The gate `standard`, which decides whether a synthetic image is accepted."""

    references: Count = 2000
    """Largest number of real training images of a class that images are compared with."""
