"""MineGAN (Wang et al. 2020, CVPR, arXiv:1912.05270), thesis Tables 21 and 22: a miner before a trained generator.

Section 3: mining on one generator, then fine-tuning. A miner M, a small fully connected network, maps noise u to inputs
of a trained generator G, so that G(M(u)) looks like the few images of the target. First M and a critic D are trained
with G frozen; then all three. The loss is that of the Wasserstein GAN with gradient penalty (Gulrajani et al. 2017,
arXiv:1704.00028). For a conditional generator the paper mines the class embedding together with
the latent vector. The authors' code (github.com/yaxingwang/MineGAN) does so for BigGAN with two stacks of linear layers
from the same noise; its miner for MNIST has two layers with a ReLU and 128 units, and mixes classes by a softmax.

Here the teacher is a class-conditional generator of the rich classes, such as C-WGAN-GP. Each served class has its own
miner, copy of the teacher and critic, trained in turn; classes share nothing but the teacher.

Departures: the critic starts untrained, not from the teacher's critic, because a weights file holds the generator only.
The class code is a mixture of the teacher's one-hot codes and not a free embedding. Batch normalisation keeps the
teacher's running statistics (see `training`); the authors' generator uses batch statistics in both stages. LeakyReLU in
the miner, and as for the other generators here: images in eight poses, learning rates that fall in the second half, and
a moving average of miner and generator that is kept; `augment`, `decay_from` and `average_decay` turn these off.
"""

import hashlib

from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.networks.conditional import ConditionalCritic, ConditionalGenerator
from hemabalance.networks.layers import count_parameters
from hemabalance.synthesis.conditional import Conditional
from hemabalance.synthesis.generator import Generator, SynthesisData
from hemabalance.synthesis.methods.minegan import TRAITS, MineGANSettings
from hemabalance.synthesis.methods.minegan.miner import MinedGenerator, Miner
from hemabalance.synthesis.methods.minegan.training import CRITIC, GENERATOR, MINER, MineGANTraining
from hemabalance.synthesis.network_generator import NetworkGenerator
from hemabalance.synthesis.per_class import require_step_per_class
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.starting_teacher import require_equal, require_teacher
from hemabalance.synthesis.tasks import Tasks
from hemabalance.synthesis.training import train_generator
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult

_TEACHER = "teacher of a generator of the method minegan"


class MineGAN(NetworkGenerator[MineGANSettings]):
    """A `synthesis.generator.Generator` with a miner and a copy of the teacher's network for each served class.

    The weights file holds both for each class; sampling does not need the teacher. `parameters` counts the trained
    networks of all served classes together, by kind: `miner`, `generator`, `critic`.

    Args:
        settings: settings of the method.
        classes: trained classes are those of the teacher, in its order; served classes are mined.
        size: side of the square images in pixels.
        runtime: device of the networks.

    Raises:
        InputError: the networks cannot be built for this size, width or number of classes.
    """

    def __init__(self, settings: MineGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> None:
        super().__init__("minegan", settings, classes=classes, size=size, runtime=runtime)
        self.latent = settings.latent
        kinds = self.built(self._build_networks)
        self.networks = {label: self._build_mined().to(runtime.device).eval() for label in classes.served}
        self.parameters = {kind: count_parameters(network) * len(classes.served) for kind, network in kinds.items()}

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train from the start, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: there is no suitable teacher, a class has too few images, the images have another size, there
                are fewer steps than classes, the training diverged, the disk is full, or the checkpoint is of another
                teacher, other data or settings.
        """
        settings = self.settings
        require_step_per_class(settings.steps, len(self.classes.served))
        training = self.initialise_training(data, job)
        sources = f"{training.tasks.fingerprint} {_fingerprint(self._teacher_network(data.teacher))}"
        result = train_generator(training, settings.steps, settings, self.description, sources, job)
        for label, mined in self.networks.items():
            for kind, network in training.result(label).items():
                mined.get_submodule(kind).load_state_dict(network.state_dict())
        self.finish(training.snapshots)
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> MineGANTraining:
        """The training before its first step; errors about teacher and data as in `fit`."""
        settings, teacher = self.settings, self._teacher_network(data.teacher)
        tasks = Tasks(data, self.classes, self.size, job.runtime, settings.memory_budget)
        snapshots = self.new_snapshots(settings.steps)
        networks = {label: self._build_networks() for label in self.classes.served}
        return MineGANTraining(networks, teacher, settings, tasks, self.classes, snapshots, job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices are not used.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        images: Tensor = self.trained()[label](latents)
        return images

    def _build_mined(self) -> MinedGenerator:
        settings, count = self.settings, len(self.classes.trained)
        return MinedGenerator(
            Miner(settings.latent, count, settings.miner_width),
            ConditionalGenerator(self.size, settings.width, settings.latent, count, settings.norm),
        )

    def _build_networks(self) -> dict[str, nn.Module]:
        mined = self._build_mined()
        critic = ConditionalCritic(self.size, self.settings.critic_width, 0)
        return {MINER: mined.miner, GENERATOR: mined.generator, CRITIC: critic}

    def _teacher_network(self, teacher: Generator | None) -> ConditionalGenerator:
        """The network of a teacher that is trained on the rich classes of this generator."""
        teacher = require_teacher(_TEACHER, teacher, "a trained generator of the rich classes")
        if teacher.classes.trained != self.classes.trained:
            lists = (teacher.classes.trained, self.classes.trained)
            known, required = (", ".join(names) or "no class" for names in lists)
            remedy = "Train it on the same rich classes as the student"
            raise InputError(_TEACHER, f"is trained on {known}, but the student needs {required}", remedy)
        # A subclass of the network may take other codes.
        if not isinstance(teacher, Conditional) or type(teacher.network) is not ConditionalGenerator:
            remedy = "Choose a class-conditional generator of the rich classes, such as c_wgan_gp"
            raise InputError(_TEACHER, "has no network that takes a latent vector and a class", remedy)
        pairs = {"size": (teacher.size, self.size)} | {
            key: (getattr(teacher.method.settings, key), getattr(self.settings, key))
            for key in TRAITS.starts_from_teacher
        }
        require_equal(_TEACHER, pairs)
        return teacher.network


def _fingerprint(network: nn.Module) -> str:
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode() + tensor.cpu().numpy().tobytes())
    return digest.hexdigest()[:16]


def build(settings: MineGANSettings, *, classes: Classes, size: int, runtime: Runtime) -> MineGAN:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the networks cannot be built for this size, width or number of classes.
    """
    return MineGAN(settings, classes=classes, size=size, runtime=runtime)
