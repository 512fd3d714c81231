"""A stain normaliser made of two generators, one to each domain, whichever training trained them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

import numpy as np
import torch
from torch import nn

from hemabalance.errors import InputError
from hemabalance.networks.layers import count_parameters
from hemabalance.networks.patchgan import Norm, PatchGAN
from hemabalance.stain.adversarial_training import SettingsT, TranslatorTraining
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData, Transformed
from hemabalance.stain.training_batches import DomainBatches
from hemabalance.training.data_checks import require_size
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import Schedule, TrainingResult, train
from hemabalance.training.settings import WITHOUT_EFFECT
from hemabalance.training.weights import load_weights, save_weights

TOGETHER = 16


@dataclass(frozen=True)
class TranslatorVariant(Generic[SettingsT]):
    """What makes one translator differ from another.

    Attributes:
        name: of the method.
        settings: all of the method's.
        generator: an untrained generator; ValueError where the size will not do.
        critic_channels: 3 where a critic sees an image, 6 where it sees a pair.
        batches: how images are drawn.
        training: how the players are trained.
        critic_norm: see `PatchGAN`.
    """

    name: str
    settings: SettingsT
    generator: Callable[[], nn.Module]
    critic_channels: int
    batches: Callable[[StainData, SettingsT, int, FitJob], DomainBatches]
    training: Callable[[Mapping[str, nn.Module], SettingsT, DomainBatches, FitJob], TranslatorTraining[SettingsT]]
    critic_norm: Norm = "instance"


class Translator(Generic[SettingsT]):
    """A `Normalizer` by two generators.

    Args:
        method: which one.
        size: side of the square images, in pixels.
        runtime: where `transform` runs.

    Raises:
        InputError: the generator or the critic cannot be built for this size or width.
    """

    def __init__(self, method: TranslatorVariant[SettingsT], *, size: int, runtime: Runtime) -> None:
        self.method, self.size, self.runtime = method, size, runtime
        try:
            self._generators = {domain: method.generator().to(runtime.device).eval() for domain in DOMAINS}
            self._critic()
        except ValueError as error:
            remedy = "Choose another working size or width in config, or leave the method out"
            raise InputError(f"stain method {method.name}", str(error), remedy) from error
        self._ready = False
        settings = method.settings.model_dump(mode="json", exclude=set(WITHOUT_EFFECT))
        self.description: dict[str, Any] = {"method": method.name, "size": size, "settings": settings}

    @property
    def parameters(self) -> int:
        """Of both generators, which is what `save` keeps."""
        return sum(count_parameters(generator) for generator in self._generators.values())

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Train the generators, or go on with the training that `job.state` holds.

        Raises:
            InputError: the data cannot serve, the training diverged, the disk is full, or `job.state` holds a
                training of other data or settings.
        """
        own, training = self.method.settings, self.initialise_training(data, job)
        trained = train(
            training,
            Schedule(own.steps, own.checkpoint_every, own.log_every),
            state=job.state,
            history=job.history,
            description={**self.description, "seed": job.seed, "images": training.batches.fingerprint},
            runtime=job.runtime,
            what=f"training {self.method.name}",
        )
        for domain, generator in training.result().items():
            self._generators[domain].load_state_dict(generator.state_dict())
        self._ready = True
        return trained

    def initialise_training(self, data: StainData, job: FitJob) -> TranslatorTraining[SettingsT]:
        """The players before their first step; errors about the data as `fit`."""
        batches = self.method.batches(data, self.method.settings, self.size, job)
        players: dict[str, nn.Module] = {f"to_{domain}": self.method.generator() for domain in DOMAINS}
        players |= {f"critic_{domain}": self._critic() for domain in DOMAINS}
        return self.method.training(players, self.method.settings, batches, job)

    @torch.inference_mode()
    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Bring images to the look of `to`, always in float32; no image is passed through unchanged.

        Args:
            images: RGB uint8 (n, size, size, 3), n may be 0.
            to: the domain that they are not of.

        Raises:
            InputError: images of another size.
            RuntimeError: neither `fit` nor `load` was called.
        """
        generator = self._trained()[to]
        require_size("images to transform", images, self.size)
        made = np.empty(images.shape, np.uint8)
        for first in range(0, len(images), TOGETHER):
            batch = torch.from_numpy(np.array(images[first : first + TOGETHER])).to(self.runtime.device)
            scaled = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / 127.5 - 1
            levels = ((generator(scaled) + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
            made[first : first + TOGETHER] = levels.permute(0, 2, 3, 1).cpu().numpy()
        return Transformed(made, np.zeros(len(images), bool))

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """What `transform` made of images of `to`, brought back by the generator that leads there."""
        return self.transform(images, to=to)

    def save(self, path: Path) -> None:
        """Write both generators, averaged if the settings say so."""
        save_weights(path, self._named(self._trained()), self.description)

    def load(self, path: Path) -> None:
        """Read what `save` wrote.

        Raises:
            InputError: the file is missing, truncated, foreign, or of another method, size or setting.
        """
        load_weights(path, self._named(self._generators), self.description)
        self._ready = True

    def _critic(self) -> PatchGAN:
        own = self.method.settings
        critic = PatchGAN(own.critic_width, own.critic_layers, self.method.critic_channels, self.method.critic_norm)
        if self.size < critic.min_size:
            raise ValueError(
                f"PatchGAN critic: images of {self.size} px are too small for {own.critic_layers} layers, "
                f"which need at least {critic.min_size} px; take larger images or fewer critic_layers"
            )
        return critic

    def _trained(self) -> dict[Domain, nn.Module]:
        if not self._ready:
            raise RuntimeError(f"{self.method.name} is neither fitted nor loaded")
        return self._generators

    @staticmethod
    def _named(generators: Mapping[Domain, nn.Module]) -> dict[str, nn.Module]:
        return {f"to_{domain}": generator for domain, generator in generators.items()}
