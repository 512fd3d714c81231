"""The config section `synthesis.evaluation`."""

from pydantic import Field

from hemabalance.section import Count, Section


class SynthesisEvaluationConfig(Section):
    """On how much generators are measured."""

    max_images: int = Field(1000, ge=2)
    """Generated, real training and real test images of a class, each at most; distances and manifolds of all classes
    together see twice as many."""
    kid_subset: int = Field(100, ge=2)
    """Images of a KID subset; at most as many as there are."""
    resamples: int = Field(100, ge=10)
    """Bootstrap resamples of FID and KID."""
    pairs: Count = 500
    """Random pairs of a class whose LPIPS shows diversity."""
