"""C-WGAN-GP, the thesis's generator for rich classes (§3.5, Tables 10-12): generator, critic and classifier.

The unconditional critic scores whether an image looks real (Gulrajani et al. 2017, arXiv:1704.00028); a separate
classifier, trained on real images only, scores whether the image shows the requested class. In AC-GAN one network does
both (Odena, Olah, Shlens 2017, arXiv:1610.09585).
"""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from hemabalance.networks.conditional import ConditionalClassifier, ConditionalCritic
from hemabalance.networks.layers import at_least_float32
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.methods.c_wgan_gp import ClassifierGuidedSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.wasserstein_training import WassersteinTraining
from hemabalance.training.batches import ImagePool
from hemabalance.training.colour_augmentation import augment_colour
from hemabalance.training.data_checks import require_size
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.losses import wasserstein_generator

_BATCH = 256


class ClassifierGuidedTraining(WassersteinTraining[ClassifierGuidedSettings]):
    """Training of generator, unconditional critic and classifier.

    Additional history: `classifier` and `accuracy`, cross-entropy and accuracy of the classifier on real training
    images; `class_fake`, unweighted cross-entropy of the requested class on fakes; and every `log_every` steps, if
    there are held-back images, `held_back_accuracy` on these real images, which no training uses.

    Args:
        networks: `generator`, `critic`, `classifier`.
        settings: settings of the method.
        real: batches of real images.
        snapshots: filled during training.
        data: provides the held-back images.
        job: runtime and seed.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        settings: ClassifierGuidedSettings,
        real: ClassBatches,
        snapshots: Snapshots,
        data: SynthesisData,
        job: FitJob,
    ) -> None:
        super().__init__(networks, settings, real, snapshots, job)
        self.classifier = self.networks["classifier"]
        self.generators |= {name: job.runtime.generator(name) for name in ("classes", "colours")}
        held_back = data.held_back
        if len(held_back.pixels):
            require_size("images held back", held_back.pixels, real.size)
        positions = np.flatnonzero(np.isin(held_back.labels, real.classes))
        labels = held_back.labels[positions].tolist()
        self._held_back = torch.from_numpy(positions)
        self._held_back_targets = torch.tensor([real.classes.index(label) for label in labels])
        self._held_back_pool = ImagePool(held_back.pixels, job.runtime, real.spare)

    def learning_rate(self, network: str) -> float:
        """Adam's learning rate for a network."""
        return self.settings.classifier_lr if network == "classifier" else self.settings.lr

    def update_networks(self) -> dict[str, Tensor]:
        """One update of the classifier, then the updates of critic and generator."""
        losses = self.update_classifier(*self.real.next_batch()) | super().update_networks()
        step, settings = self.runtime.step, self.settings
        if len(self._held_back) and (step % settings.log_every == 0 or step == settings.steps):
            losses["held_back_accuracy"] = self.held_back_accuracy()
        return losses

    def sample_real(self) -> tuple[Tensor, Tensor]:
        """Batch of real images, and random targets for the fakes, as the critic is unconditional."""
        real, _ = self.real.next_batch()
        count, rng = len(self.real.classes), self.generators["classes"]
        return real, torch.randint(count, (len(real),), generator=rng, device=real.device)

    def critic_conditions(self, targets: Tensor) -> tuple[Tensor, ...]:
        """No extra critic input: this critic is unconditional."""
        return ()

    def update_classifier(self, images: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the classifier, on real images."""
        if self.settings.colour_strength:
            images = augment_colour(images, self.settings.colour_strength, self.generators["colours"])
        logits = at_least_float32(self.classifier(images))
        loss = functional.cross_entropy(logits, targets)
        self.runtime.minimise(loss, self.optimizers["classifier"], (self.classifier,), "classifier")
        accuracy = (logits.detach().argmax(1) == targets).float().mean()
        return {"classifier": loss.detach(), "accuracy": accuracy}

    def update_generator(self, fake: Tensor, targets: Tensor) -> dict[str, Tensor]:
        """One step of the generator: -E[D(fake)] + class_weight * CE(C(fake), requested class)."""
        adversarial = wasserstein_generator(self.judge(self.critic, fake))
        class_fake = functional.cross_entropy(at_least_float32(self.judge(self.classifier, fake)), targets)
        loss = adversarial + self.settings.class_weight * class_fake
        self.runtime.minimise(loss, self.optimizers["generator"], (self.generator,), "generator")
        return {"adversarial": adversarial.detach(), "class_fake": class_fake.detach()}

    @torch.no_grad()
    def held_back_accuracy(self) -> Tensor:
        """Accuracy of the classifier on the held-back images, 0-dim."""
        correct = torch.zeros((), device=self.runtime.device)
        for first in range(0, len(self._held_back), _BATCH):
            selected = self._held_back[first : first + _BATCH]
            targets = self._held_back_targets[first : first + _BATCH]
            predicted = self.judge(self.classifier, self._held_back_pool.take(selected)).argmax(1)
            correct += (predicted == targets.to(predicted.device)).sum()
        return correct / len(self._held_back)


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
        critics=lambda size, count: {
            "critic": ConditionalCritic(size, settings.critic_width, 0),
            "classifier": ConditionalClassifier(size, settings.critic_width, count),
        },
        training=ClassifierGuidedTraining,
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
