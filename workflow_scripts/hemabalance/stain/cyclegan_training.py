"""The training of CycleGAN (Zhu, Park, Isola, Efros, ICCV 2017, arXiv:1703.10593), which several methods share."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from hemabalance.networks.resnet_generator import ResnetGenerator
from hemabalance.stain.adversarial_training import TranslatorTraining, scores_of_both
from hemabalance.stain.normalizer import DOMAINS
from hemabalance.stain.settings import CycleTranslatorSettings
from hemabalance.stain.training_batches import DomainBatches, UnpairedBatches
from hemabalance.stain.translator import Translator, TranslatorVariant
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.losses import cycle, identity, least_squares_critic, least_squares_generator


class FakeHistory(nn.Module):
    """Earlier fakes, so that a critic keeps recognising images of earlier generators (arXiv:1612.07828).

    A module that only has buffers, so that checkpoints save it. With several processes each has its own history, and
    all resume with the history of rank 0.

    Args:
        capacity: number of images; 0 for no history.
        size: side of an image in pixels.
        device: of the images.
    """

    images: Tensor
    filled: Tensor

    def __init__(self, capacity: int, size: int, device: torch.device) -> None:
        super().__init__()
        self.register_buffer("images", torch.zeros(capacity, 3, size, size, device=device))
        # On the CPU, so that reading it does not wait for the device.
        self.register_buffer("filled", torch.zeros((), dtype=torch.int64))

    def swap(self, fakes: Tensor, generator: torch.Generator) -> Tensor:
        """Swap each fake with probability 1/2 for an earlier fake; none until the history is full.

        Args:
            fakes: (n, 3, size, size), without a graph.
            generator: on the CPU.

        Returns:
            (n, 3, size, size), new and earlier fakes.
        """
        mixed = []
        for fake in fakes:
            filled = int(self.filled)
            if filled < len(self.images):
                self.images[filled] = fake
                self.filled += 1
            elif filled and torch.rand((), generator=generator) < 0.5:
                slot = int(torch.randint(filled, (), generator=generator))
                mixed.append(self.images[slot].clone())
                self.images[slot] = fake
                continue
            mixed.append(fake)
        return torch.stack(mixed)


class CycleGANTraining(TranslatorTraining[CycleTranslatorSettings]):
    """The training of CycleGAN: least-squares critics, which also see earlier fakes.

    Losses: critic_*, adversarial_*, cycle_* of both domains, and identity_* unless its weight is 0; all unweighted.
    """

    def __init__(
        self, players: Mapping[str, nn.Module], settings: CycleTranslatorSettings, batches: DomainBatches, job: FitJob
    ) -> None:
        super().__init__(players, settings, batches, job)
        device, capacity = job.runtime.device, settings.remembered
        self.fake_histories: dict[str, FakeHistory] = {d: FakeHistory(capacity, batches.size, device) for d in DOMAINS}
        self.networks |= {f"fake_history_{domain}": history for domain, history in self.fake_histories.items()}
        self.generators["fake_history"] = torch.Generator().manual_seed(job.seed + job.runtime.rank)

    def update_networks(self) -> Mapping[str, Tensor]:
        """One update of the generators, then one of the critics on the same and on earlier fakes."""
        a, b = self.batches.next_batch()
        # One pass for fakes and identity images.
        fake_a, *same_a = self.to_a(torch.cat((b, a)) if self.settings.lambda_identity else b).split(len(b))
        fake_b, *same_b = self.to_b(torch.cat((a, b)) if self.settings.lambda_identity else a).split(len(a))
        terms = {
            "adversarial_a": least_squares_generator(self.judge(self.critic_a, fake_a)),
            "adversarial_b": least_squares_generator(self.judge(self.critic_b, fake_b)),
            "cycle_a": cycle(a, self.to_a(fake_b)),
            "cycle_b": cycle(b, self.to_b(fake_a)),
        }
        loss = terms["adversarial_a"] + terms["adversarial_b"]
        loss = loss + self.settings.lambda_cycle * (terms["cycle_a"] + terms["cycle_b"])
        if same_a and same_b:
            terms |= {"identity_a": identity(a, same_a[0]), "identity_b": identity(b, same_b[0])}
            loss = loss + self.settings.lambda_identity * (terms["identity_a"] + terms["identity_b"])
        self.minimise_generators(loss)
        for domain, critic, real, fake in (("a", self.critic_a, a, fake_a), ("b", self.critic_b, b, fake_b)):
            fakes = self.fake_histories[domain].swap(fake.detach(), self.generators["fake_history"])
            terms[f"critic_{domain}"] = least_squares_critic(*scores_of_both(critic, real, fakes))
        self.minimise_critics(terms["critic_a"] + terms["critic_b"])
        return {name: term.detach() for name, term in terms.items()}


def cycle_translator(
    name: str, settings: CycleTranslatorSettings, *, size: int, runtime: Runtime
) -> Translator[CycleTranslatorSettings]:
    """An unfitted translator with ResNet generators for square images of `size` pixels; `name` is that of its method.

    Raises:
        InputError: the networks cannot be built for this size or width.
    """
    variant = TranslatorVariant(
        name=name,
        settings=settings,
        generator=lambda: ResnetGenerator(size, settings.width, settings.blocks),
        critic_channels=3,
        batches=UnpairedBatches,
        training=CycleGANTraining,
    )
    return Translator(variant, size=size, runtime=runtime)
