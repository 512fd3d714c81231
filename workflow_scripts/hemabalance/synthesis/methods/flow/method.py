"""Class-conditional rectified flow, one network for classes of every size.

The equations are in `synthesis.rectified_flow`, the network in `networks.velocity_unet`. Shape and stain of cells are
shared by all classes, so that a rare class borrows from common ones; nearest published relative: DiffuLT (Shao et al.
2024, arXiv:2403.05170), a diffusion model trained from scratch on the long-tailed set alone. Classes are drawn by the
square root of their number of images unless `draws` says otherwise; a tenth of the labels is dropped for guidance. The
factors of the colour augmentation are an input of the network, 0 at sampling (Karras et al. 2022, arXiv:2206.00364,
appendix F.2).
"""

from torch import Tensor

from hemabalance.networks.layers import count_parameters
from hemabalance.networks.velocity_unet import VelocityUNet
from hemabalance.synthesis.class_batches import ClassBatches
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.methods.flow import FlowSettings
from hemabalance.synthesis.methods.flow.training import NETWORK, FlowTraining
from hemabalance.synthesis.network_generator import NetworkGenerator
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.training import train_generator
from hemabalance.synthesis.velocity_sampling import build_network, generated, latent_length
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult


class RectifiedFlow(NetworkGenerator[FlowSettings]):
    """A `synthesis.generator.Generator` by a rectified flow; a latent vector is the noise of all pixels.

    Args:
        settings: settings of the method.
        classes: served classes must be trained classes.
        size: side of the square images in pixels.
        runtime: device of the networks.

    Raises:
        InputError: the network cannot be built for this size, or a served class is not trained on.
    """

    def __init__(self, settings: FlowSettings, *, classes: Classes, size: int, runtime: Runtime) -> None:
        super().__init__("flow", settings, classes=classes, size=size, runtime=runtime)
        self.require_trained_classes()
        self.latent = latent_length(size)
        self.network: VelocityUNet = self.built(self._build_network).to(runtime.device).eval()
        """The network; trained after `fit` or `load`."""
        self.networks = {NETWORK: self.network}
        self.parameters = {NETWORK: count_parameters(self.network)}

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Train from the start, or resume the training whose checkpoint is in `job.state`.

        Raises:
            InputError: the data are unsuitable, the training diverged, the disk is full, or the checkpoint is of other
                data or settings.
        """
        training = self.initialise_training(data, job)
        fingerprint = training.real.fingerprint
        result = train_generator(training, self.settings.steps, self.settings, self.description, fingerprint, job)
        self.network.load_state_dict(training.result().state_dict())
        self.finish(training.snapshots)
        return result

    def initialise_training(self, data: SynthesisData, job: FitJob) -> FlowTraining:
        """The training before its first step; errors about the data as in `fit`."""
        settings = self.settings
        real = ClassBatches(data.real, self.classes, settings, self.size, job, draws=settings.draws)
        snapshots = self.new_snapshots(settings.steps)
        return FlowTraining(self._build_network(), settings, self.classes, real, snapshots, job)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1]; the indices are not used.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        self.trained()
        return generated(self.network, self.settings, self.classes.index(label), latents)

    def _build_network(self) -> VelocityUNet:
        return build_network(self.settings, self.classes, self.size)


def build(settings: FlowSettings, *, classes: Classes, size: int, runtime: Runtime) -> RectifiedFlow:
    """An untrained generator of square images of `size` px.

    Raises:
        InputError: the network cannot be built for this size, or a served class is not trained on.
    """
    return RectifiedFlow(settings, classes=classes, size=size, runtime=runtime)
