"""A stain normaliser of two generators, one to each domain; the methods differ in networks and training."""

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

_BATCH = 16


@dataclass(frozen=True)
class TranslatorVariant(Generic[SettingsT]):
    """The parts of a translator that depend on the method.

    Attributes:
        name: of the method.
        settings: of the method.
        generator: builds an untrained generator; ValueError for an invalid size.
        critic_channels: 3 if the critics take one image, 6 if they take a pair.
        batches: builds the batches of training images.
        training: builds the training of the networks.
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
    """A `Normalizer` with two generators.

    Args:
        method: the parts that depend on the method.
        size: side of the square images, in pixels.
        runtime: of `transform`.

    Raises:
        InputError: the generator or the critic cannot be built for this size or width.
    """

    def __init__(self, method: TranslatorVariant[SettingsT], *, size: int, runtime: Runtime) -> None:
        self.method, self.size, self.runtime = method, size, runtime
        try:
            self._generators = {domain: method.generator().to(runtime.device).eval() for domain in DOMAINS}
            self._critic()
        except ValueError as error:
            remedy = "Choose another working size or width in config, or remove the method"
            raise InputError(f"stain method {method.name}", str(error), remedy) from error
        self._ready = False
        settings = method.settings.model_dump(mode="json", exclude=set(WITHOUT_EFFECT))
        self.description: dict[str, Any] = {"method": method.name, "size": size, "settings": settings}

    @property
    def parameters(self) -> int:
        """The number of parameters of both generators; the critics are not saved."""
        return sum(count_parameters(generator) for generator in self._generators.values())

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Train the generators, or resume the training from the checkpoint in `job.state`.

        Raises:
            InputError: the data is not usable, the training diverged, the disk is full, or the checkpoint belongs to
                other data or settings.
        """
        settings, training = self.method.settings, self.initialise_training(data, job)
        result = train(
            training,
            Schedule(settings.steps, settings.checkpoint_every, settings.log_every),
            state=job.state,
            history=job.history,
            description={**self.description, "seed": job.seed, "images": training.batches.fingerprint},
            runtime=job.runtime,
            what=f"training {self.method.name}",
        )
        for domain, generator in training.result().items():
            self._generators[domain].load_state_dict(generator.state_dict())
        self._ready = True
        return result

    def initialise_training(self, data: StainData, job: FitJob) -> TranslatorTraining[SettingsT]:
        """The training before its first step; errors about the data as `fit`."""
        batches = self.method.batches(data, self.method.settings, self.size, job)
        players: dict[str, nn.Module] = {f"to_{domain}": self.method.generator() for domain in DOMAINS}
        players |= {f"critic_{domain}": self._critic() for domain in DOMAINS}
        return self.method.training(players, self.method.settings, batches, job)

    @torch.inference_mode()
    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images to the stain of `to`, in float32; no image is passed through unchanged.

        Args:
            images: of the other domain, RGB uint8 (n, size, size, 3), n may be 0.
            to: the target domain.

        Raises:
            InputError: images of another size.
            RuntimeError: neither `fit` nor `load` was called.
        """
        generator = self._fitted_generators()[to]
        require_size("images to transform", images, self.size)
        pixels = np.empty(images.shape, np.uint8)
        for first in range(0, len(images), _BATCH):
            batch = torch.from_numpy(np.array(images[first : first + _BATCH])).to(self.runtime.device)
            scaled = batch.permute(0, 3, 1, 2).to(torch.float32, memory_format=torch.contiguous_format) / 127.5 - 1
            levels = ((generator(scaled) + 1) * 127.5).round_().clamp_(0, 255).to(torch.uint8)
            pixels[first : first + _BATCH] = levels.permute(0, 2, 3, 1).cpu().numpy()
        return Transformed(pixels, np.zeros(len(images), bool))

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images of `to` that `transform` has mapped back to `to`, with the generator of that domain."""
        return self.transform(images, to=to)

    def save(self, path: Path) -> None:
        """Write both generators, averaged if the settings say so."""
        save_weights(path, self._by_name(self._fitted_generators()), self.description)

    def load(self, path: Path) -> None:
        """Read a file that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, no weights of hemabalance, or of another method, size or
                setting.
        """
        load_weights(path, self._by_name(self._generators), self.description)
        self._ready = True

    def _critic(self) -> PatchGAN:
        method, settings = self.method, self.method.settings
        critic = PatchGAN(settings.critic_width, settings.critic_layers, method.critic_channels, method.critic_norm)
        if self.size < critic.min_size:
            raise ValueError(
                f"PatchGAN critic: images of {self.size} px are too small for {settings.critic_layers} layers, "
                f"which need at least {critic.min_size} px; use larger images or fewer critic_layers"
            )
        return critic

    def _fitted_generators(self) -> dict[Domain, nn.Module]:
        if not self._ready:
            raise RuntimeError(f"{self.method.name} is neither fitted nor loaded")
        return self._generators

    @staticmethod
    def _by_name(generators: Mapping[Domain, nn.Module]) -> dict[str, nn.Module]:
        return {f"to_{domain}": generator for domain, generator in generators.items()}
