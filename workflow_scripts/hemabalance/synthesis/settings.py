"""Settings that several generators share."""

from typing import Annotated, Literal

from pydantic import Field

from hemabalance.section import Beta, Count, Share, Weight
from hemabalance.synthesis.method import GeneratorSettings
from hemabalance.training.settings import Decay, NetworkTraining, Rate

Latent = Annotated[int, Field(ge=1, le=1024)]
Width = Annotated[int, Field(ge=1, le=256)]


class SynthesisTraining(NetworkTraining, GeneratorSettings):
    """Settings of every method that trains a generator."""

    augment: bool = True
    """Present each training image in a random one of its eight poses, drawn anew at each use."""
    snapshots: Count = 8
    """Number of training steps at which example images are stored."""
    snapshot_images: int = Field(8, ge=1, le=32)
    """Number of example images per class at each of these steps."""


class ConditionalSettings(SynthesisTraining):
    """Settings of every class-conditional generator (thesis Tables 10-12)."""

    latent: Latent = 128
    """Length of a latent vector."""
    width: Width = 64
    """Base number of channels of the generator."""
    critic_width: Width = 64
    """Base number of channels of the critic and, if there is one, of the classifier."""
    norm: Literal["batch", "none"] = "batch"
    """Normalisation in the generator; the thesis's tables do not specify it."""
    lr: Rate = 2e-4
    """Adam's learning rate for generator and critic."""
    betas: tuple[Beta, Beta] = (0.5, 0.999)
    """Adam's beta1 and beta2."""
    batch: Count = 64
    """Images per update of any network."""
    steps: Count = 40_000
    """Updates of the generator; 40,000 in the thesis's Table 22."""
    critic_steps: int = Field(1, ge=1, le=20)
    """Updates of the critic, each on its own batch, per update of the generator."""
    average_decay: Decay = 0.999
    """Decay of the exponential moving average of the generator that is kept; 0 keeps the last weights."""
    decay_from: Share = 0.5
    """Share of the steps after which the learning rates fall linearly to 0; 1 keeps them constant."""


class WassersteinSettings(ConditionalSettings):
    """Settings of the class-conditional generators with a Wasserstein critic."""

    lr: Rate = 1e-4
    """Adam's learning rate for generator and critic."""
    betas: tuple[Beta, Beta] = (0.0, 0.9)
    """Adam's beta1 and beta2."""
    critic_steps: int = Field(5, ge=1, le=20)
    """Updates of the critic, each on its own batch, per update of the generator."""
    gp_weight: Weight = 10.0
    """Weight d of the gradient penalty."""


class ReptileSettings(SynthesisTraining):
    """Settings of the few-shot generators that are meta-learned by Reptile (thesis §3.6)."""

    latent: Latent = 64
    """Length of a latent vector."""
    width: Width = 24
    """Channels of the generator's feature map at full resolution."""
    discriminator_width: Width = 16
    """Channels of the discriminator's first convolutions."""
    lr: Rate = 2e-4
    """Adam's learning rate within a task, for all networks."""
    betas: tuple[Beta, Beta] = (0.0, 0.9)
    """Adam's beta1 and beta2."""
    episodes: Count = 20_000
    """Number of tasks of the meta-training on the rich classes."""
    inner_steps: int = Field(10, ge=1, le=1000)
    """Updates of the networks per episode."""
    shots: int = Field(8, ge=2)
    """Images per episode and per adaptation update, if the class has that many."""
    taught_share: Share = 0.5
    """Share of an episode's images that come from the teacher, if the teacher generates the class."""
    outer_step: float = Field(0.1, gt=0, le=1)
    """Step of the meta-weights towards the weights at the end of a task (Reptile)."""
    adapt_steps: Count = 2000
    """Updates of the networks for each served class, after the episodes."""
    snapshot_adapt_steps: int = Field(200, ge=0)
    """Temporary adaptation updates per class before a snapshot, discarded afterwards; the last snapshot needs none."""
    average_decay: Decay = 0.99
    """Decay of the exponential moving average of the adapted networks, started at the meta-weights; 0 keeps the last
    weights."""
