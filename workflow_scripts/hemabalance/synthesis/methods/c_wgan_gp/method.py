"""C-WGAN-GP, the thesis's generator of well-filled classes (§3.5, Tables 10-12): generator, critic and classifier.

The critic, which is told no class, says whether an image looks real (Gulrajani et al. 2017, arXiv:1704.00028); a
separate classifier, which learns from real images alone, says whether it shows the asked class. In AC-GAN one network
does both (Odena, Olah, Shlens 2017, arXiv:1610.09585).
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.conditional import ConditionalClassifier, ConditionalCritic
from hemabalance.networks.layers import at_least_float32
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.conditional_training import ClassBatches, ConditionalTraining
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.methods.c_wgan_gp import ClassifierGuidedSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.batches import ImagePool
from hemabalance.training.colour_augmentation import augment_colour
from hemabalance.training.data_checks import require_size
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.losses import wasserstein_generator

_AT_ONCE = 256


class ClassifierGuidedTraining(ConditionalTraining[ClassifierGuidedSettings]):
    """The training.

    History besides what every such training has: `classifier` and `accuracy`, cross-entropy and share of right answers on
    real training images; `class_fake`, cross-entropy of the asked class on fakes, unweighted; and once every
    `log_every` steps, if there are such images, `held_back_accuracy` on real ones that no training learns from.

    Args:
        players: `generator`, `critic`, `classifier`.
        settings: of the method.
        real: the images.
        snapshots: to fill along the training.
        data: whose images held back are watched.
        job: runtime and seed.
    """

    def __init__(
        self,
        players: Mapping[str, nn.Module],
        settings: ClassifierGuidedSettings,
        real: ClassBatches,
        snapshots: Snapshots,
        data: SynthesisData,
        job: FitJob,
    ) -> None:
        super().__init__(players, settings, real, snapshots, job)
        self.classifier = self.networks["classifier"]
        self.generators |= {name: job.runtime.generator(name) for name in ("classes", "colours")}
        watched = data.held_back
        if len(watched.pixels):
            require_size("images held back", watched.pixels, real.size)
        kept = np.flatnonzero(np.isin(watched.labels, real.classes))
        self._watched = torch.from_numpy(kept)
        self._watched_targets = torch.tensor([real.classes.index(label) for label in watched.labels[kept].tolist()])
        self._watched_pool = ImagePool(watched.pixels, job.runtime, real.spare)

    def rate(self, player: str) -> float:
        """Adam's learning rate for a player."""
        return self.settings.classifier_lr if player == "classifier" else self.settings.lr

    def update_networks(self) -> dict[str, Tensor]:
        """As every such training, with one update of the classifier."""
        losses = self.update_classifier(*self.real.next_batch()) | super().update_networks()
        step, own = self.runtime.step, self.settings
        if len(self._watched) and (step % own.log_every == 0 or step == own.steps):
            losses["held_back_accuracy"] = self.held_back_accuracy()
        return losses

    def drawn(self) -> tuple[Tensor, Tensor]:
        """Real images, and random classes for fakes: the critic is not told."""
        real, _ = self.real.next_batch()
        count, drawing = len(self.real.classes), self.generators["classes"]
        return real, torch.randint(count, (len(real),), generator=drawing, device=real.device)

    def told(self, targets: Tensor) -> tuple[Tensor, ...]:
        """Nothing."""
        return ()

    def update_classifier(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the classifier, on real images."""
        if self.settings.colour_strength:
            images = augment_colour(images, self.settings.colour_strength, self.generators["colours"])
        logits = at_least_float32(self.classifier(images))
        loss = functional.cross_entropy(logits, targets)
        self.runtime.minimise(loss, self.optimizers["classifier"], (self.classifier,), "classifier")
        right = (logits.detach().argmax(1) == targets).float().mean()
        return {"classifier": loss.detach(), "accuracy": right}

    def update_generator(self, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the generator: -E[D(fake)] + class_weight * CE(C(fake), asked class)."""
        adversarial = wasserstein_generator(self.judge(self.critic, fake))
        class_fake = functional.cross_entropy(at_least_float32(self.judge(self.classifier, fake)), targets)
        loss = adversarial + self.settings.class_weight * class_fake
        self.runtime.minimise(loss, self.optimizers["generator"], (self.generator,), "generator")
        return {"adversarial": adversarial.detach(), "class_fake": class_fake.detach()}

    @torch.no_grad()
    def held_back_accuracy(self) -> Tensor:
        """Share of the images held back whose class the classifier names, 0-dim."""
        right = torch.zeros((), device=self.runtime.device)
        for first in range(0, len(self._watched), _AT_ONCE):
            chosen = self._watched[first : first + _AT_ONCE]
            targets = self._watched_targets[first : first + _AT_ONCE]
            named = self.judge(self.classifier, self._watched_pool.take(chosen)).argmax(1)
            right += (named == targets.to(named.device)).sum()
        return right / len(self._watched)


def build(
    settings: ClassifierGuidedSettings, *, classes: Classes, size: int, runtime: Runtime
) -> Conditional[ClassifierGuidedSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="c_wgan_gp",
        settings=settings,
        judges=lambda size, count: {
            "critic": ConditionalCritic(size, settings.critic_width, 0),
            "classifier": ConditionalClassifier(size, settings.critic_width, count),
        },
        training=ClassifierGuidedTraining,
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
