"""InfoGAN, a baseline of C-WGAN-GP (thesis Tables 17-20): learns categories and continuous factors without labels.

Interpretable representation learning by information maximising GANs (Chen, Duan, Houthooft, Schulman, Sutskever, Abbeel
2016, arXiv:1606.03657): the generator gets noise, a categorical code of as many values as there are classes, and two
continuous codes, uniform in (-1, 1). Q, a head on the discriminator's trunk, estimates the codes from an image. The
loss of G and Q is the GAN's minus λ L_I, where L_I = E[log Q(c|x)] + H(c) is a lower bound of the information that an
image has about its codes (Eqs. 4-6); λ is 1 for the categorical code and smaller for the continuous ones (section 6).
As in the authors' code D and Q are one network with one optimiser, so the trunk learns both. Q is normal for continuous
codes, with a learned mean and deviation (appendix C; in the authors' code for MNIST the deviation is 1).

Departures: the networks are those of C-WGAN-GP, with Q as a linear head; one learning rate for both networks, instead
of a five times larger one for the generator; the deviation is at least 0.05, so that L_I cannot grow without bound.

Readings, as neither paper nor thesis says how images of a class are to be had: training uses no label, except that the
batches of real images are class-balanced, as for all methods here. The codes are named by the judge, a classifier
trained on real training images only: it votes on images from latents of the training's own, and of all one-to-one
assignments of codes to classes the one with the most votes in all holds. It is renewed at every snapshot, the last of
which is at the last step. Q's own opinion has no part in it.
"""

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from hemabalance.networks.auxiliary_critic import AuxiliaryCritic
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.conditional import Conditional, ConditionalVariant
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.logistic_training import LogisticTraining, Terms
from hemabalance.synthesis.methods.infogan import InfoGANSettings
from hemabalance.synthesis.methods.infogan.codes import (
    CodedGenerator,
    category_information,
    continuous_information,
    outputs_of,
)
from hemabalance.synthesis.methods.infogan.naming import assign_codes, count_votes, log_votes, require_judge
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.losses import non_saturating_critic, non_saturating_generator


class InfoGANTraining(LogisticTraining[InfoGANSettings]):
    """Training of generator, and of discriminator and Q. The targets of its updates are the generator's inputs.

    Additional history: `category_information` and `continuous_information` in nats, L_I of the fakes in the generator's
    update, unweighted.

    Args:
        networks: `generator`, a `CodedGenerator`, and `critic`.
        settings: settings of the method.
        real: batches of real images.
        snapshots: filled during training.
        data: provides the judge.
        job: runtime and seed.

    Raises:
        InputError: there is no judge, or a class is unknown to it.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        settings: InfoGANSettings,
        real: ClassBatches,
        snapshots: Snapshots,
        data: SynthesisData,
        job: FitJob,
    ) -> None:
        super().__init__(networks, settings, real, snapshots, job)
        self.generators["classes"] = job.runtime.generator("classes")
        self.namer = require_judge(data.judge, real.classes)

    def sample_real(self) -> tuple[Tensor, Tensor]:
        """Batch of real images, and random inputs of the generator, float32 (n, latent + classes)."""
        real, _ = self.real.next_batch()
        count, device = len(real), real.device
        z = torch.randn((count, self.settings.latent), generator=self.generators["latents"], device=device)
        classes = torch.randint(len(self.real.classes), (count,), generator=self.generators["classes"], device=device)
        return real, self._coded.encode(z, classes)

    def sample_fakes(self, targets: Tensor) -> Tensor:
        """Images of the generator's inputs, float32 (n, 3, size, size) in [-1, 1]."""
        images: Tensor = self.generator(targets)
        return images

    def critic_conditions(self, targets: Tensor) -> tuple[Tensor, ...]:
        """No extra input: discriminator and Q see the image only."""
        return ()

    def critic_terms(self, real: Tensor, fake: Tensor, targets: Tensor) -> Terms:
        """Loss of the discriminator, and -λ L_I for Q."""
        return {"critic": (1.0, non_saturating_critic(real[:, 0], fake[:, 0]))} | self._information(fake, targets)

    def generator_terms(self, fake: Tensor, targets: Tensor) -> Terms:
        """Loss of the generator, with -λ L_I."""
        return {"adversarial": (1.0, non_saturating_generator(fake[:, 0]))} | self._information(fake, targets)

    def _information(self, outputs: Tensor, targets: Tensor) -> dict[str, tuple[float, Tensor]]:
        categories, continuous = self._coded.codes(targets)
        return {
            "category_information": (
                -self.settings.category_weight,
                category_information(outputs[:, 1:], categories),
            ),
            "continuous_information": (
                -self.settings.continuous_weight,
                continuous_information(outputs[:, 1:], continuous),
            ),
        }

    @torch.no_grad()
    def take_snapshots(self) -> None:
        """Name the codes after classes, then store images of each class."""
        self._name_codes()
        super().take_snapshots()

    def _name_codes(self) -> None:
        result, classes, draws = cast(CodedGenerator, self.result()), self.real.classes, self.settings.naming_draws
        was_training = result.training
        # The same latents at every vote: a resumed training needs no further state.
        votes = count_votes(result.eval(), self.namer, classes, draws, self.runtime.generator("naming"))
        result.train(was_training)
        code_of_class = assign_codes(votes)
        for generator in (result, self._coded):
            generator.code_of_class.copy_(torch.from_numpy(code_of_class))
        if self.runtime.rank == 0:
            log_votes(self.runtime.step, votes, code_of_class, classes, draws)

    @property
    def _coded(self) -> CodedGenerator:
        return cast(CodedGenerator, unwrapped(self.generator))


def build(settings: InfoGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> Conditional[InfoGANSettings]:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size or width, or a served class is not trained on.
    """
    variant = ConditionalVariant(
        name="infogan",
        settings=settings,
        critics=lambda size, count: {"critic": AuxiliaryCritic(size, settings.critic_width, outputs_of(count))},
        training=InfoGANTraining,
        generator=CodedGenerator,
    )
    return Conditional(variant, classes=classes, size=size, runtime=runtime)
