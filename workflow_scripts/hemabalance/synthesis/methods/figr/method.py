"""FIGR (Clouatre & Demers 2019, arXiv:1901.02199): Reptile on a Wasserstein GAN with gradient penalty, no encoder.

This implementation uses the networks and the inner and outer steps of `fewshot_meta`, so the two methods differ in the
training only. The authors use residual networks with layer normalisation, SGD within a task, and Adam on the Reptile
direction for the meta-weights.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from hemabalance.networks.fewshot_discriminator import FewshotDiscriminator
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.synthesis.fewshot import AdaptedGenerator, FewshotGeneration, FewshotVariant
from hemabalance.synthesis.methods.figr import FIGRSettings
from hemabalance.synthesis.reptile import Reptile
from hemabalance.synthesis.roles import Classes
from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.losses import gradient_penalty, wasserstein_critic, wasserstein_generator


class FIGRTraining(Reptile[FIGRSettings]):
    """Training of generator and critic.

    History: discriminator (E[D(fake)] - E[D(real)]), penalty and adversarial, unweighted.
    """

    served: Mapping[str, AdaptedGenerator]

    def update(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """One step of the discriminator, then one step of the generator on the same fakes."""
        fakes = self.task["generator"](self.noise(len(images), rng))
        losses = self.update_discriminator(images, fakes.detach(), rng)
        return losses | self.update_generator(fakes)

    def update_discriminator(self, images: Tensor, fakes: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """One step of the discriminator; the fakes are detached."""
        critic = self.task["discriminator"]
        score = wasserstein_critic(*critic(torch.cat((images, fakes))).chunk(2))
        share = torch.rand(len(images), generator=rng, device=images.device)
        penalty = gradient_penalty(unwrapped(critic), images, fakes, share)
        self.minimise(score + self.settings.gp_weight * penalty, "discriminator")
        return {"discriminator": score.detach(), "penalty": penalty.detach()}

    def update_generator(self, fakes: Tensor) -> dict[str, Tensor]:
        """One step of the generator; the fakes carry its graph."""
        loss = wasserstein_generator(self.judge(fakes))
        self.minimise(loss, "generator")
        return {"adversarial": loss.detach()}

    def store_adapted(self, label: str, rng: torch.Generator) -> None:
        """Copy the generator, or its moving average, to `served[label]`."""
        self.served[label].load_generator(self.adapted_network("generator"), lambda count: self.noise(count, rng))


def build(settings: FIGRSettings, *, classes: Classes, size: int, runtime: Runtime) -> FewshotGeneration[FIGRSettings]:
    """An untrained generator for square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or there is no class to train on or to serve.
    """
    optimizer_groups = {"discriminator": ("discriminator",), "generator": ("generator",)}
    variant = FewshotVariant(
        name="figr",
        settings=settings,
        networks=lambda: {
            "generator": FewshotGenerator(size, settings.width, settings.latent),
            "discriminator": FewshotDiscriminator(size, settings.discriminator_width),
        },
        features=0,
        references=0,
        mixing=0.0,
        training=lambda networks, served, tasks, snapshots, job: FIGRTraining(
            networks, optimizer_groups, served, settings, tasks, classes, snapshots, job
        ),
    )
    return FewshotGeneration(variant, classes=classes, size=size, runtime=runtime)
