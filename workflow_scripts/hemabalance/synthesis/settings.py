"""Settings that several generators share."""

from typing import Annotated, Literal

from pydantic import Field

from hemabalance.section import Beta, Count, Share, Weight
from hemabalance.synthesis.method import GeneratorSettings
from hemabalance.training.settings import Decay, NetworkTraining, Rate

Latent = Annotated[int, Field(ge=1, le=1024)]
Width = Annotated[int, Field(ge=1, le=256)]


class SynthesisTraining(NetworkTraining, GeneratorSettings):
    """What every method has that trains a generator."""

    augment: bool = True
    """Show each training image in a random one of its eight poses, each time anew."""
    snapshots: Count = 8
    """Points along the training at which images are kept to look at."""
    snapshot_images: int = Field(8, ge=1, le=32)
    """Images of each class at each of these points."""


class ConditionalSettings(SynthesisTraining):
    """What the generators share that are told a class, against a Wasserstein critic (thesis Tables 10-12)."""

    latent: Latent = 128
    """Numbers in a latent vector."""
    width: Width = 64
    """Channels of the generator."""
    critic_width: Width = 64
    """Channels of the critic, and of the classifier where there is one."""
    norm: Literal["batch", "none"] = "batch"
    """Normalisation in the generator; the thesis's tables leave it open."""
    lr: Rate = 1e-4
    """Adam's learning rate, for generator and critic."""
    betas: tuple[Beta, Beta] = (0.0, 0.9)
    """Adam's two."""
    batch: Count = 64
    """Images a step of any player."""
    steps: Count = 40_000
    """Updates of the generator; 40,000 in the thesis's Table 22."""
    critic_steps: int = Field(5, ge=1, le=20)
    """Updates of the critic, each on images of its own, for one of the generator."""
    gp_weight: Weight = 10.0
    """Weight d of the gradient penalty."""
    average_decay: Decay = 0.999
    """The generator used is an exponential average of the one trained; 0: the one trained."""
    decay_from: Share = 0.5
    """Share of the steps after which the learning rates fall linearly to 0; 1 keeps them constant."""


class ReptileSettings(SynthesisTraining):
    """What the generators share that learn to learn a class from few images (thesis §3.6)."""

    latent: Latent = 64
    """Numbers in a latent vector."""
    width: Width = 24
    """Channels of the generator's full-size map."""
    discriminator_width: Width = 16
    """Channels of the discriminator's first convolutions."""
    lr: Rate = 2e-4
    """Adam's learning rate within a task, for all players."""
    betas: tuple[Beta, Beta] = (0.0, 0.9)
    """Adam's two."""
    episodes: Count = 20_000
    """Tasks of the meta-training on the rich classes."""
    inner_steps: int = Field(10, ge=1, le=1000)
    """Updates of the players in an episode."""
    shots: int = Field(8, ge=2)
    """Images of an episode, and of an update of an adaptation, where the class has so many."""
    taught_share: Share = 0.5
    """Share of an episode's images that the teacher made, as far as there are any of the class."""
    outer_step: float = Field(0.1, gt=0, le=1)
    """How far the meta-weights move to where a task led (Reptile)."""
    adapt_steps: Count = 2000
    """Updates of the players for each class that is served, after the episodes."""
    snapshot_adapt_steps: int = Field(200, ge=0)
    """Updates for each class, thrown away afterwards, before the images of a snapshot; the last one needs none."""
    average_decay: Decay = 0.99
    """The adapted networks used are an exponential average, which starts at the meta-weights; 0: those trained."""
