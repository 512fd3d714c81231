"""Real images of well-filled classes, noised part of the way and denoised under a rare label.

SDEdit (Meng et al. 2022, ICLR, arXiv:2108.01073) with the rectified flow of a teacher: a real training image x of a
rich class becomes (1 - t) x + t e with noise e at the time t = `start`, and the velocity of the rare class, with
guidance, is followed to t = 0. Background, size and stain of the source image remain as far as t lets them.

Nothing is trained: the weights file holds the teacher's network and the source images, which are training images of the
same split.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.networks.layers import count_parameters
from hemabalance.networks.velocity_unet import VelocityUNet
from hemabalance.synthesis.generator import Generator, SynthesisData
from hemabalance.synthesis.methods.flow_edit import TRAITS, FlowEditSettings
from hemabalance.synthesis.methods.flow_edit.sources import SourceImages, choose_sources
from hemabalance.synthesis.network_generator import NetworkGenerator
from hemabalance.synthesis.rectified_flow import noised
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.snapshots import Snapshots
from hemabalance.synthesis.starting_teacher import require_equal, require_teacher
from hemabalance.synthesis.velocity_sampling import build_network, denoised, latent_length
from hemabalance.training.device import Runtime
from hemabalance.training.job import FitJob
from hemabalance.training.loop import TrainingResult
from hemabalance.training.weights import load_tensors

_TEACHER = "teacher of a generator of the method flow_edit"
_SOURCES = "sources"


class FlowEdit(NetworkGenerator[FlowEditSettings]):
    """A `synthesis.generator.Generator` that edits real images; a latent vector is the noise of all pixels.

    Args:
        settings: settings of the method.
        classes: images of the trained classes are edited into served ones.
        size: side of the square images in pixels.
        runtime: device of the network.

    Raises:
        InputError: the network cannot be built for this size.
    """

    def __init__(self, settings: FlowEditSettings, *, classes: Classes, size: int, runtime: Runtime) -> None:
        super().__init__("flow_edit", settings, classes=classes, size=size, runtime=runtime)
        self.latent = latent_length(size)
        self.network: VelocityUNet = self.built(lambda: build_network(settings, classes, size))
        self.network = self.network.to(runtime.device).eval()
        """The teacher's network after `fit` or `load`."""
        self.sources = SourceImages(size).to(runtime.device)
        self.networks: dict[str, nn.Module] = {"velocity": self.network, _SOURCES: self.sources}
        self.parameters = {"velocity": count_parameters(self.network)}

    def fit(self, data: SynthesisData, job: FitJob) -> TrainingResult:
        """Take the teacher's network and choose the source images; the history is empty, and there are no snapshots.

        Raises:
            InputError: there is no suitable teacher, a class has no image, or the images have another size.
        """
        network = self._teacher_network(data.teacher)
        limit = self.settings.source_images
        self.sources.keep(choose_sources(data.real, self.classes, self.size, limit=limit, seed=job.seed))
        self.network.load_state_dict(network.state_dict())
        with atomic_path(job.history) as part:
            part.touch()
        self.finish(Snapshots(self.classes.served, points=0, images_per_class=0, size=self.size, steps=0))
        return TrainingResult(0, 0.0)

    def generate(self, label: str, latents: Tensor, indices: Tensor) -> Tensor:
        """Images of a served class, float32 (n, 3, size, size) in [-1, 1].

        The index of an image determines its source: all sources in a random order of the class, then again with other
        noise.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        self.trained()
        index = self.classes.index(label)
        images = self.sources.take(self.sources_of(label, indices))
        noise = latents.view(images.shape)
        times = torch.full((len(images),), self.settings.start, device=images.device)
        return denoised(self.network, self.settings, index, noised(images, noise, times), start=self.settings.start)

    def sources_of(self, label: str, indices: Tensor) -> Tensor:
        """Places of the source images of latent indices of a class, int64 (n,)."""
        order = np.random.default_rng([self.classes.index(label)]).permutation(len(self.sources))
        return torch.from_numpy(order).to(indices.device)[indices % len(order)]

    def load(self, path: Path) -> None:
        """Read weights that `save` wrote; errors as `NetworkGenerator.load`."""
        stored = load_tensors(path, self.description).get(f"{_SOURCES}.images")
        self.sources.resize(0 if stored is None else len(stored))
        super().load(path)

    def _teacher_network(self, teacher: Generator | None) -> VelocityUNet:
        """The network of a teacher that knows the classes of this generator."""
        known = require_teacher(_TEACHER, teacher, "a trained generator of the method flow")
        network = getattr(known, "network", None)
        if not isinstance(network, VelocityUNet):
            raise InputError(_TEACHER, "has no network of a rectified flow", "Choose a generator of the method flow")
        if missing := sorted({*self.classes.trained, *self.classes.served} - set(known.classes.trained)):
            remedy = "Train it on the classes of the student too: `serves: all`"
            raise InputError(_TEACHER, f"is not trained on {', '.join(missing)}", remedy)
        # The network's index of a class is that among the classes of the run.
        pairs: dict[str, Any] = {"size": (known.size, self.size)}
        pairs |= {"classes of the run": (known.classes.run, self.classes.run)}
        settings = getattr(known, "settings", None)
        pairs |= {k: (getattr(settings, k, None), getattr(self.settings, k)) for k in TRAITS.starts_from_teacher}
        require_equal(_TEACHER, pairs)
        return network


def build(settings: FlowEditSettings, *, classes: Classes, size: int, runtime: Runtime) -> FlowEdit:
    """A generator without its teacher's network, of square images of `size` px.

    Raises:
        InputError: the network cannot be built for this size.
    """
    return FlowEdit(settings, classes=classes, size=size, runtime=runtime)
