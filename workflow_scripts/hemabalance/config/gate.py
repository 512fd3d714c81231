"""The config section `synthesis.gate`."""

from hemabalance.section import Count, Section, Share


class GateSettings(Section):
    """How strict the gate is."""

    confidence: Share = 0.5
    """Confidence that the independent classifier must have in the asked class, which must be its first choice too."""
    neighbours: Count = 10
    """k of the real manifold, whose balls reach to the k-th nearest other image."""
    copy_quantile: Share = 0.01
    """Nearer to a training image than this share of real ones is to its next: a copy."""


class GateConfig(GateSettings):
    """What a synthetic image must pass under the gate `standard`."""

    references: Count = 2000
    """Real training images of a class at most to compare with."""
