"""The config section `synthesis.evaluation`."""

from pydantic import Field

from hemabalance.section import Count, Section


class SynthesisEvaluationConfig(Section):
    """Sample sizes in the evaluation of generators."""

    max_images: int = Field(1000, ge=2)
    """Largest number of generated, of real training and of real test images of a class; twice as many for distances and
    manifolds of all classes together."""
    kid_subset: int = Field(100, ge=2)
    """Images of a KID subset; limited to the available number."""
    resamples: int = Field(100, ge=10)
    """Number of bootstrap resamples of FID and KID."""
    pairs: Count = 500
    """Number of random pairs of a class for the diversity (LPIPS within the class)."""
