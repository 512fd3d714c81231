"""Adversarial training of two generators and two critics; the methods of translators add their losses."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from itertools import chain
from typing import Generic, TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Adam, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.networks.layers import initialise
from hemabalance.stain.normalizer import DOMAINS, Domain
from hemabalance.stain.settings import TranslatorSettings
from hemabalance.stain.training_batches import DomainBatches
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.device import unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.learning_rate import linear_decay

SettingsT = TypeVar("SettingsT", bound=TranslatorSettings)


class TranslatorTraining(ABC, Generic[SettingsT]):
    """A `Trainable` with one optimiser for the generators and one for the critics.

    Args:
        players: the networks by name: generators `to_a`, `to_b` by their target domain, critics `critic_a`, `critic_b`
            by the domain of their images; they are initialised here.
        settings: of the method.
        batches: of training images.
        job: runtime and seed.
    """

    def __init__(
        self, players: Mapping[str, nn.Module], settings: SettingsT, batches: DomainBatches, job: FitJob
    ) -> None:
        self.runtime, self.settings, self.batches = job.runtime, settings, batches
        generator = torch.Generator().manual_seed(job.seed)
        self.networks: dict[str, nn.Module] = {}
        for name, player in players.items():
            initialise(player, generator)
            self.networks[name] = self.runtime.setup(player)
        self.to_a, self.to_b = self.networks["to_a"], self.networks["to_b"]
        self.critic_a, self.critic_b = self.networks["critic_a"], self.networks["critic_b"]
        self.optimizers: dict[str, Optimizer] = {
            "generators": _adam(settings, self.to_a, self.to_b),
            "critics": _adam(settings, self.critic_a, self.critic_b),
        }
        self.schedulers: dict[str, LRScheduler] = {
            name: LambdaLR(optimizer, linear_decay(settings.steps, settings.decay_from))
            for name, optimizer in self.optimizers.items()
        }
        self.averages: dict[str, ExponentialAverage] = {}
        if settings.average_decay:
            for name in ("to_a", "to_b"):
                self.averages[name] = ExponentialAverage(self.networks[name], settings.average_decay)
        self.samplers = batches.samplers
        self.generators: dict[str, torch.Generator] = dict(batches.generators)

    @abstractmethod
    def update_networks(self) -> Mapping[str, Tensor]:
        """Update critics and generators; the losses by name, detached, 0-dim."""

    def step(self) -> Mapping[str, Tensor]:
        """One update of all networks, learning rates and averages; the losses by name, detached, 0-dim."""
        losses = self.update_networks()
        for scheduler in self.schedulers.values():
            scheduler.step()
        for average in self.averages.values():
            average.update()
        return losses

    def minimise_critics(self, loss: Tensor) -> None:
        """One step of the critics' optimiser."""
        self.runtime.minimise(loss, self.optimizers["critics"], (self.critic_a, self.critic_b), "critics")

    def minimise_generators(self, loss: Tensor) -> None:
        """One step of the generators' optimiser."""
        self.runtime.minimise(loss, self.optimizers["generators"], (self.to_a, self.to_b), "generators")

    def judge(self, critic: nn.Module, images: Tensor) -> Tensor:
        """A critic's scores for the update of the generators: with a gradient to the images, none to the critic."""
        # The unwrapped network: DDP's wrapper would wait for gradients that a frozen network never gets.
        frozen_critic = unwrapped(critic).requires_grad_(False)
        with self.runtime.autocast():
            scores: Tensor = frozen_critic(images)
        frozen_critic.requires_grad_(True)
        return scores

    def result(self) -> dict[Domain, nn.Module]:
        """The trained generators, averaged if the settings say so, by target domain."""
        averaged = {name: average.module for name, average in self.averages.items()}
        return {domain: averaged.get(f"to_{domain}", unwrapped(self.networks[f"to_{domain}"])) for domain in DOMAINS}


def scores_of_both(critic: nn.Module, real: Tensor, fake: Tensor) -> tuple[Tensor, Tensor]:
    """Scores of real and fake images in one pass: with instance normalisation no score depends on other images."""
    real_scores, fake_scores = critic(torch.cat((real, fake))).split((len(real), len(fake)))
    return real_scores, fake_scores


def _adam(settings: TranslatorSettings, *networks: nn.Module) -> Adam:
    beta1, beta2 = settings.betas
    parameters = chain.from_iterable(network.parameters() for network in networks)
    return Adam(parameters, lr=settings.lr, betas=(beta1, beta2))
