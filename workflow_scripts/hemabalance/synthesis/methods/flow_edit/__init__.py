"""Rare cells from real ones of well-filled classes, by the network of a rectified flow (SDEdit: Meng et al. 2022)."""

from pydantic import Field

from hemabalance.section import Count
from hemabalance.synthesis.flow_settings import FlowNetwork, Guidance
from hemabalance.synthesis.method import GeneratorTraits


class FlowEditSettings(FlowNetwork):
    """SDEdit (Meng et al. 2022) with the rectified flow that `teacher` names: real images are edited, none is trained.

    `width`, `blocks`, `patch` and `output` are the teacher's, unless the entry sets them; other values are refused.
    """

    start: float = Field(0.5, gt=0, le=1)
    """Time t to which a source image is noised, (1 - t) image + t noise: near 0 it hardly changes, 1 is noise alone."""
    guidance: Guidance = 2.5
    """Weight of the rare class in the velocity (classifier-free guidance); 1 is that of the class alone."""
    sampling_steps: int = Field(5, ge=1, le=1000)
    """Steps from the noised image to the finished one."""
    source_images: Count = 500
    """Most source images of a class; they are stored with the network. A random choice if a class has more."""


TRAITS = GeneratorTraits(
    trains_networks=False,
    serves="rare",
    meta_learned=True,
    starts_from_teacher=("width", "blocks", "patch", "output"),
    teacher_serves="all",
)
