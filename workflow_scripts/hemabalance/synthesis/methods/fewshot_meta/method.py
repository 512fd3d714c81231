"""The thesis's meta-learned few-shot generator (§3.6, Eqs. 34-45): the generator varies encoded images.

Parts: Reptile over the networks of a GAN (as FIGR, arXiv:1901.02199), the mode-seeking term (Mao et al. 2019,
arXiv:1903.05628), the generator of FastGAN (arXiv:2101.04775).
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hemabalance.networks.fewshot_discriminator import FewshotDiscriminator
from hemabalance.networks.fewshot_encoder import FewshotEncoder
from hemabalance.networks.fewshot_generator import FewshotGenerator
from hemabalance.synthesis.fewshot import AdaptedGenerator, FewshotGeneration, FewshotVariant
from hemabalance.synthesis.methods.fewshot_meta import FewshotMetaSettings
from hemabalance.synthesis.recalibrate import recalibrate
from hemabalance.synthesis.reptile import Reptile
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import BLOCK
from hemabalance.training.device import Runtime
from hemabalance.training.losses import mean_difference, mode_seeking, non_saturating_critic, non_saturating_generator


class FewshotMetaTraining(Reptile[FewshotMetaSettings]):
    """Training of generator, encoder and discriminator.

    History: discriminator (Eq. 34), adversarial (Eq. 37), encoder (Eq. 40) and mode_seeking, unweighted.
    """

    served: Mapping[str, AdaptedGenerator]

    def update(self, images: Tensor, rng: torch.Generator) -> dict[str, Tensor]:
        """One step of the discriminator, then one step of generator and encoder on the same fakes."""
        z = self.noise(2 * len(images), rng)
        features = self.task["encoder"](images)
        # Both noise batches in one pass, so that the statistics of batch normalisation cover twice as many images.
        fakes = self.task["generator"](torch.cat((z, features.repeat(2, 1)), dim=1))
        loss = self.update_discriminator(images, fakes.detach())
        return loss | self.update_generator(images, fakes, z)

    def update_discriminator(self, images: Tensor, fakes: Tensor) -> dict[str, Tensor]:
        """One step on Eq. 34; the fakes of both noise batches are detached."""
        logits = self.task["discriminator"](torch.cat((images, fakes)))
        # The mean over the fakes of both noise batches is the mean of Eqs. 35 and 36.
        loss = non_saturating_critic(logits[: len(images)], logits[len(images) :])
        self.minimise(loss, "discriminator")
        return {"discriminator": loss.detach()}

    def update_generator(self, images: Tensor, fakes: Tensor, z: Tensor) -> dict[str, Tensor]:
        """One step on the remaining terms of Eq. 44; the fakes carry the graph of generator and encoder."""
        terms = {
            "adversarial": non_saturating_generator(self.judge(fakes)),
            "encoder": mean_difference(images.repeat(2, 1, 1, 1), fakes),
            "mode_seeking": mode_seeking(*fakes.chunk(2), *z.chunk(2)),
        }
        settings = self.settings
        self.minimise(
            terms["adversarial"]
            + settings.lambda_encoder * terms["encoder"]
            + settings.lambda_mode_seeking * terms["mode_seeking"],
            "generator",
        )
        return {name: term.detach() for name, term in terms.items()}

    @torch.no_grad()
    def store_adapted(self, label: str, rng: torch.Generator) -> None:
        """Store the reference features of the class in `served[label]`, with the generator or its moving average."""
        settings, served, encoder = self.settings, self.served[label], self.adapted_network("encoder")
        images = self.tasks.first_real(label, settings.references)
        if settings.augment:
            images = poses(images, settings.references)
        # Batches of equal size, because `recalibrate` gives every batch the same weight.
        batches = images.tensor_split(-(-len(images) // BLOCK))
        was_training = encoder.training
        recalibrate(encoder, batches)
        served.set_references(torch.cat([encoder(batch) for batch in batches]))
        encoder.train(was_training)
        served.load_generator(self.adapted_network("generator"), lambda count: self.noise(count, rng))


def poses(images: Tensor, max_images: int) -> Tensor:
    """Eight poses of images (n, c, s, s): unchanged, rotated, mirrored; truncated to `max_images` images."""
    posed = [torch.rot90(side, turn, (-2, -1)) for side in (images, images.flip(-1)) for turn in range(4)]
    return torch.cat(posed[: -(-max_images // len(images))])[:max_images]


def build(
    settings: FewshotMetaSettings, *, classes: Classes, size: int, runtime: Runtime
) -> FewshotGeneration[FewshotMetaSettings]:
    """An untrained generator for square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or there is no class to train on or to serve.
    """
    optimizer_groups = {"discriminator": ("discriminator",), "generator": ("generator", "encoder")}

    def networks() -> dict[str, nn.Module]:
        return {
            "generator": FewshotGenerator(size, settings.width, settings.latent + settings.features),
            "encoder": FewshotEncoder(size, settings.encoder_width, settings.features),
            "discriminator": FewshotDiscriminator(size, settings.discriminator_width),
        }

    variant = FewshotVariant(
        name="fewshot_meta",
        settings=settings,
        networks=networks,
        features=settings.features,
        references=settings.references,
        mixing=settings.feature_mixing,
        training=lambda networks, served, tasks, snapshots, job: FewshotMetaTraining(
            networks, optimizer_groups, served, settings, tasks, classes, snapshots, job
        ),
    )
    return FewshotGeneration(variant, classes=classes, size=size, runtime=runtime)
