"""DiffAugment, a rival of the few-shot generator (thesis Tables 21, 22): a GAN for few images.

Differentiable augmentation (Zhao, Liu, Lin, Zhu, Han 2020, arXiv:2006.10738): the discriminator sees T(x) and T(G(z)),
in its own update and in the generator's, whose gradients flow through T (section 3.2). T: colour, translation, cutout.

Departures from the paper: its networks are StyleGAN2 or BigGAN; here networks and training are those of CGAN, so one
class-conditional network learns all rare classes together. No R1 penalty (the paper's StyleGAN2 has one). Real images
also come in their eight poses (setting `augment`), as for every generator here. The thesis's Table 22 gives 850,000
"episodes"; the default is 40,000 updates, as for the others, for equal numbers of updates.
"""

from collections.abc import Mapping

from torch import Tensor, nn

from hemabalance.networks.conditional import ConditionalCritic
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.logistic_training import LogisticTraining
from hemabalance.synthesis.methods.diffaugment import DiffAugmentSettings
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.device import Runtime
from hemabalance.training.differentiable_augmentation import differentiable_augmentation
from hemabalance.training.job import FitJob


class DiffAugmentTraining(LogisticTraining[DiffAugmentSettings]):
    """Training of generator and class-conditional critic; arguments and history as `LogisticTraining`."""

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        settings: DiffAugmentSettings,
        real: ClassBatches,
        snapshots: Snapshots,
        job: FitJob,
    ) -> None:
        super().__init__(networks, settings, real, snapshots, job)
        self.generators["augmentation"] = job.runtime.generator("augmentation")

    def shown(self, images: Tensor) -> Tensor:
        """The images, real or generated, augmented; each with its own random numbers."""
        return differentiable_augmentation(images, self.settings.policy, self.generators["augmentation"])


def build(
    settings: DiffAugmentSettings, *, classes: Classes, size: int, runtime: Runtime
) -> Conditional[DiffAugmentSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="diffaugment",
        settings=settings,
        critics=lambda size, count: {"critic": ConditionalCritic(size, settings.critic_width, count)},
        training=lambda networks, settings, real, snapshots, data, job: DiffAugmentTraining(
            networks, settings, real, snapshots, job
        ),
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
