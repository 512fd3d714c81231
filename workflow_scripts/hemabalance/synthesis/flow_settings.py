"""Settings of the rectified flow and of the methods that use its network; PyTorch is not imported here."""

from typing import Annotated, Literal

from pydantic import Field

from hemabalance.section import Beta, Count, Share
from hemabalance.synthesis.method import GeneratorSettings
from hemabalance.synthesis.settings import SynthesisTraining, Width
from hemabalance.training.settings import Decay, Rate, Strength

Draws = Literal["balanced", "root", "natural"]
"""How often a class is drawn into batches: all alike, by the square root of its number of images, or by the number."""

Solver = Literal["midpoint", "heun", "euler"]
"""Rule by which a sampling step follows the velocity: midpoint and heun evaluate it twice a step, euler once."""

Output = Literal["velocity", "residual", "image"]
"""What the layers of the network predict."""

Guidance = Annotated[float, Field(ge=0, le=20)]


class FlowNetwork(GeneratorSettings):
    """Settings of the network of a rectified flow, and of the sampling from it."""

    width: Width = 64
    """Channels of the network's finest map; each halving of the side doubles them, up to 4 times."""
    blocks: int = Field(1, ge=1, le=16)
    """Residual blocks of the network at each resolution, on the way down and again on the way up."""
    patch: int = Field(2, ge=1, le=8)
    """Side of the patches of pixels on which the network works; 2 makes its finest map half as large as the image."""
    output: Output = "image"
    """What the layers predict: the velocity; its residual from a linear guess (EDM's preconditioning); or the image."""
    sampling_steps: int = Field(10, ge=1, le=1000)
    """Steps from noise to image."""
    solver: Solver = "midpoint"
    """Rule of a step: midpoint and heun evaluate the network twice, euler once."""
    guidance: Guidance = 1.0
    """Weight of the class in the velocity (classifier-free guidance): 1 takes the velocity of the class; more moves
    away from that without class, for clearer but less diverse images, with twice the evaluations; 0 ignores the
    class."""


class FlowTrainingSettings(SynthesisTraining, FlowNetwork):
    """Settings of the training of a rectified flow."""

    lr: Rate = 5e-4
    """Adam's learning rate."""
    betas: tuple[Beta, Beta] = (0.9, 0.99)
    """Adam's beta1 and beta2."""
    batch: Count = 256
    """Images per update."""
    draws: Draws = "root"
    """How often a class is drawn: balanced, all classes alike; root, in proportion to the square root of its number of
    images; natural, in proportion to this number."""
    steps: Count = 100_000
    """Updates of the network."""
    warmup_share: Share = 0.02
    """Share of the steps in which the learning rate rises from 0."""
    decay_from: Share = 0.5
    """Share of the steps after which the learning rate falls linearly to 0; 1 keeps it constant."""
    average_decay: Decay = 0.9995
    """Decay of the exponential moving average of the network that is kept; 0 keeps the last weights."""
    drop_class: Share = 0.1
    """Share of the images whose class is not given to the network, which guidance needs."""
    colour_strength: Strength = 0.1
    """Strength of the colour augmentation of training images; 0 for none. Its factors are an input of the network, and
    0 at sampling, so that generated images have the colours of real ones (Karras et al. 2022). The eight poses of
    `augment` are no input: cells have no orientation, so that a posed image is as likely as the original."""
    time_mean: float = Field(0.0, ge=-10, le=10)
    """Mean of the logit of the times t at which images are noised, (1 - t) image + t noise; 0 is half noise."""
    time_deviation: float = Field(1.0, ge=0, le=10)
    """Standard deviation of this logit."""
