"""StainNet (Kang et al., Frontiers in Medicine 8, 2021, arXiv:2012.12535): a mapping of single colours, distilled.

"StainNet: a fast and robust stain normalization network". Three 1x1 convolutions map each pixel by its own colour
alone, so that no texture can be lost or made, at a small part of the cost of a generator. They learn the mean absolute
difference to the images of a teacher (in the paper StainGAN), with SGD and cosine annealing.

Departures from the paper: two networks, one for each direction, of which each is the other's inverse; steps instead of
epochs; as many images of every class, and at most `fit_images`; He's initialisation with zero biases; the last weights
are saved, not those of the smallest loss on a test set.
"""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from hemabalance.networks.layers import count_parameters
from hemabalance.stain.methods.stainnet import StainNetSettings
from hemabalance.stain.methods.stainnet.training import ImitatedImages, StainNetTraining
from hemabalance.stain.normalizer import DOMAINS, Domain, StainData, Transformed
from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.job import FitJob
from hemabalance.training.loop import Schedule, TrainingResult, train
from hemabalance.training.settings import WITHOUT_EFFECT
from hemabalance.training.weights import load_weights, save_weights


class ColourNetwork(nn.Module):
    """Three 1x1 convolutions as matrix products over pixels: colours (…, 3), about in [-1, 1], to the same.

    With width 32 it has 1,283 parameters, as in the paper.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(3, width), nn.ReLU(inplace=True),
            nn.Linear(width, width), nn.ReLU(inplace=True),
            nn.Linear(width, 3),
        )  # fmt: skip

    def forward(self, colours: Tensor) -> Tensor:
        """The mapped colours, of the shape of the input; not limited to [-1, 1]."""
        mapped: Tensor = self.layers(colours)
        return mapped


class StainNet:
    """A `Normalizer` with a network for each direction.

    Args:
        settings: of the method.
        size: side of the square images of the fit, in pixels; `transform` takes images of any size.
        runtime: of `transform`.
    """

    def __init__(self, settings: StainNetSettings, *, size: int, runtime: Runtime) -> None:
        self.settings, self.size, self.runtime = settings, size, runtime
        self._networks = {domain: ColourNetwork(settings.width).to(runtime.device) for domain in DOMAINS}
        self._ready = False
        plain = settings.model_dump(mode="json", exclude=set(WITHOUT_EFFECT))
        self.description: dict[str, Any] = {"method": "stainnet", "size": size, "settings": plain}

    @property
    def parameters(self) -> int:
        """The number of parameters of both networks."""
        return sum(count_parameters(network) for network in self._networks.values())

    def fit(self, data: StainData, job: FitJob) -> TrainingResult:
        """Train both networks, or resume the training from the checkpoint in `job.state`.

        Raises:
            InputError: there is no teacher, the data is not usable, the training diverged, the disk is full, or the
                checkpoint belongs to other data or settings.
        """
        settings, training = self.settings, self.initialise_training(data, job)
        result = train(
            training,
            Schedule(settings.steps, settings.checkpoint_every, settings.log_every),
            state=job.state,
            history=job.history,
            description={**self.description, "seed": job.seed, "images": training.images.fingerprint},
            runtime=job.runtime,
            what="training stainnet",
        )
        for domain, network in self._networks.items():
            network.load_state_dict(unwrapped(training.networks[f"to_{domain}"]).state_dict())
        self._ready = True
        return result

    def initialise_training(self, data: StainData, job: FitJob) -> StainNetTraining:
        """The training before its first step; errors about the data as `fit`."""
        images = ImitatedImages(data, self.settings, self.size, job)
        networks = {f"to_{domain}": ColourNetwork(self.settings.width) for domain in DOMAINS}
        return StainNetTraining(networks, self.settings, images, job)

    @torch.inference_mode()
    def transform(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images of the other domain to the stain of `to`, in float32; no image is passed through unchanged.

        Args:
            images: RGB uint8 (n, height, width, 3), n may be 0.
            to: the target domain.

        Raises:
            RuntimeError: neither `fit` nor `load` was called.
        """
        self._require_fitted()
        network, device = self._networks[to], self.runtime.device
        colours = torch.from_numpy(np.array(images)).reshape(-1, 3)
        # Blocks whose layers fit into a processor's cache are three times as fast as whole batches.
        size = 1 << 14 if device.type == "cpu" else 1 << 22
        for first in range(0, len(colours), size):
            block = colours[first : first + size]
            mapped = network(block.to(device, torch.float32) / 127.5 - 1)
            block.copy_(((mapped + 1) * 127.5).round_().clamp_(0, 255))
        return Transformed(colours.reshape(images.shape).numpy(), np.zeros(len(images), bool))

    def inverse(self, images: np.ndarray, *, to: Domain) -> Transformed:
        """Map images of `to` that `transform` has mapped back to `to`, with the network of that direction."""
        return self.transform(images, to=to)

    def save(self, path: Path) -> None:
        """Write both networks."""
        self._require_fitted()
        save_weights(path, {f"to_{domain}": network for domain, network in self._networks.items()}, self.description)

    def load(self, path: Path) -> None:
        """Read a file that `save` wrote.

        Raises:
            InputError: the file is missing, truncated, no weights of hemabalance, or of another method, size or
                setting.
        """
        load_weights(path, {f"to_{domain}": network for domain, network in self._networks.items()}, self.description)
        self._ready = True

    def _require_fitted(self) -> None:
        if not self._ready:
            raise RuntimeError("stainnet is neither fitted nor loaded")


def build(settings: StainNetSettings, *, size: int, runtime: Runtime) -> StainNet:
    """An unfitted normaliser for square images of `size` pixels."""
    return StainNet(settings, size=size, runtime=runtime)
