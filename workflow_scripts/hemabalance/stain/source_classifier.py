"""The judge of usefulness: a small fixed classifier that knows source A alone, plain and with random colours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from hemabalance.files import write_json
from hemabalance.networks.layers import count_parameters
from hemabalance.networks.small_resnet import SmallResnet
from hemabalance.stain.normalizer import Images
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import BalancedSampler, ImagePool, Sampler, augment_dihedral
from hemabalance.training.colour import augment_colour
from hemabalance.training.device import Runtime, bare
from hemabalance.training.loop import Schedule, train
from hemabalance.training.weights import load_weights, read_description, save_weights

AUGMENTATIONS = ("none", "colour")


@dataclass(frozen=True)
class ClassifierSettings:
    """How the classifier is trained; see `classifier` of the config section `stain`."""

    width: int
    batch: int
    steps: int
    lr: float
    colour_strength: float
    memory_budget: int
    log_every: int
    checkpoint_every: int


class _Training:
    """AdamW, one cycle of the learning rate, label smoothing 0.1, classes in equal shares, all eight poses."""

    def __init__(self, images: Images, strength: float, settings: ClassifierSettings, runtime: Runtime) -> None:
        self.classes = sorted(set(images.labels.tolist()))
        torch.manual_seed(runtime.seed)
        network = SmallResnet(len(self.classes), settings.width)
        self.runtime, self.strength = runtime, strength
        self.network, self.optimizer = runtime.setup(
            network, torch.optim.AdamW(network.parameters(), settings.lr, weight_decay=0.01)
        )
        self.scheduler = OneCycleLR(self.optimizer, settings.lr, total_steps=settings.steps)
        self.pool = ImagePool(images.pixels, runtime, settings.memory_budget)
        self.labels = torch.tensor([self.classes.index(label) for label in images.labels.tolist()])
        self.sampler = BalancedSampler(images.labels.tolist(), settings.batch, runtime.seed, runtime.rank)
        self.generator = runtime.generator("augmentation")
        self.networks: Mapping[str, nn.Module] = {"classifier": self.network}
        self.optimizers: Mapping[str, Optimizer] = {"classifier": self.optimizer}
        self.schedulers: Mapping[str, LRScheduler] = {"classifier": self.scheduler}
        self.averages: Mapping[str, ExponentialAverage] = {}
        self.samplers: Mapping[str, Sampler] = {"images": self.sampler}
        self.generators: Mapping[str, torch.Generator] = {"augmentation": self.generator}

    def step(self) -> Mapping[str, Tensor]:
        indices = self.sampler.draw()
        images = augment_dihedral(self.pool.take(indices), self.generator)
        if self.strength:
            images = augment_colour(images, self.strength, self.generator)
        targets = self.labels[indices].to(self.runtime.device)
        logits = self.network(images)
        loss = functional.cross_entropy(logits.float(), targets, label_smoothing=0.1)
        self.runtime.minimise(loss, self.optimizer, [self.network], "cross_entropy")
        self.scheduler.step()
        accuracy = (logits.detach().argmax(1) == targets).float().mean()
        return {"cross_entropy": loss.detach(), "accuracy": accuracy}


def fit_source_classifier(
    images: Images,
    augmentation: str,
    settings: ClassifierSettings,
    weights: Path,
    training: Path,
    *,
    state: Path,
    history: Path,
    runtime: Runtime,
) -> None:
    """Train one classifier on source A and write what came of it.

    Args:
        images: training images of source A, of the classes that both sources have.
        augmentation: `none` (mirrored and turned only) or `colour` (`training.colour` besides).
        settings: of the training.
        weights: safetensors to write.
        training: JSON to write: `steps, seconds, parameters, device, precision, images`.
        state: folder for checkpoints.
        history: file of losses to write.
        runtime: where it runs.

    Raises:
        InputError: fewer images than a batch, or the training diverged.
    """
    game = _Training(images, settings.colour_strength if augmentation == "colour" else 0.0, settings, runtime)
    own = {"kind": "source classifier", "augmentation": augmentation, "classes": game.classes, "width": settings.width}
    shaping = {"batch": settings.batch, "steps": settings.steps, "lr": settings.lr, "strength": game.strength}
    trained = train(
        game,
        Schedule(settings.steps, settings.checkpoint_every, settings.log_every),
        state=state,
        history=history,
        description=own | shaping,
        runtime=runtime,
        what=f"classifier of source A, colours {augmentation}",
    )
    if runtime.rank == 0:
        save_weights(weights, game.networks, own)
        facts = {"steps": trained.steps, "seconds": round(trained.seconds, 1), "images": {"a": len(images.pixels)}}
        count = count_parameters(bare(game.network))
        write_json(
            {**facts, "parameters": count, "device": runtime.device.type, "precision": runtime.precision}, training
        )


class SourceClassifier:
    """A trained classifier of source A.

    Args:
        path: weights that `fit_source_classifier` wrote.
        device: where it runs.

    Raises:
        InputError: the file is missing, truncated or foreign.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        description = read_description(path)
        self.classes: list[str] = description["classes"]
        self._network = SmallResnet(len(self.classes), description["width"])
        load_weights(path, {"classifier": self._network}, description)
        self._network.to(device).eval()
        self._device = device

    @torch.inference_mode()
    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """Names of classes, str (n,), for RGB uint8 (n, height, width, 3)."""
        found = []
        for start in range(0, len(pixels), 256):
            batch = torch.from_numpy(np.ascontiguousarray(pixels[start : start + 256])).to(self._device)
            logits = self._network(batch.permute(0, 3, 1, 2).float() / 127.5 - 1)
            found.append(logits.argmax(1).cpu().numpy())
        places = np.concatenate(found) if found else np.empty(0, np.int64)
        return np.array(self.classes)[places]
