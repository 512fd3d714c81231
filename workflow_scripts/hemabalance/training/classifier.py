"""A small classifier of fixed architecture that judges images: stain-normalised ones and generated ones."""

from collections.abc import Mapping
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
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import BalancedSampler, ImagePool, Sampler, augment_dihedral, batch_within
from hemabalance.training.colour_augmentation import augment_colour
from hemabalance.training.device import Runtime, unwrapped
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import Schedule, train
from hemabalance.training.small_classifier_settings import SmallClassifierSettings
from hemabalance.training.weights import load_weights, read_description, save_weights

AUGMENTATIONS = ("none", "colour")


class SmallClassifierTraining:
    """A `Trainable`: AdamW, a one-cycle learning rate, label smoothing 0.1, balanced classes, all eight poses."""

    def __init__(self, images: Images, strength: float, settings: SmallClassifierSettings, runtime: Runtime) -> None:
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
        batch = batch_within(settings.batch, len(images.labels))
        self.sampler = BalancedSampler(images.labels.tolist(), batch, runtime.seed, runtime.rank)
        self.generator = runtime.generator("augmentation")
        self.networks: Mapping[str, nn.Module] = {"classifier": self.network}
        self.optimizers: Mapping[str, Optimizer] = {"classifier": self.optimizer}
        self.schedulers: Mapping[str, LRScheduler] = {"classifier": self.scheduler}
        self.averages: Mapping[str, ExponentialAverage] = {}
        self.samplers: Mapping[str, Sampler] = {"images": self.sampler}
        self.generators: Mapping[str, torch.Generator] = {"augmentation": self.generator}

    def step(self) -> Mapping[str, Tensor]:
        """One optimisation step; cross-entropy and accuracy of its batch, detached, 0-dim."""
        indices = self.sampler.next_batch()
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


def fit_classifier(
    images: Images,
    augmentation: str,
    settings: SmallClassifierSettings,
    job: FitJob,
    *,
    weights: Path,
    training: Path,
) -> None:
    """Train one classifier and write its weights and a summary of the training.

    Args:
        images: training images; their classes, in alphabetical order, are the classifier's.
        augmentation: `none` (mirrored and rotated only) or `colour` (`training.colour_augmentation` as well).
        settings: of the training.
        job: runtime, seed and state folder; its history is written too.
        weights: safetensors file to write.
        training: JSON file to write: `steps, seconds, parameters, device, precision, images`.

    Raises:
        InputError: there is no image, or the training diverged.
    """
    strength = settings.colour_strength if augmentation == "colour" else 0.0
    trainable = SmallClassifierTraining(images, strength, settings, job.runtime)
    description = {
        "kind": "classifier",
        "augmentation": augmentation,
        "classes": trainable.classes,
        "width": settings.width,
    }
    training_settings = {
        "batch": settings.batch,
        "steps": settings.steps,
        "lr": settings.lr,
        "strength": trainable.strength,
    }
    result = train(
        trainable,
        Schedule(settings.steps, settings.checkpoint_every, settings.log_every),
        state=job.state,
        history=job.history,
        description=description | training_settings,
        runtime=job.runtime,
        what=f"classifier, colour augmentation {augmentation}",
    )
    if job.runtime.rank == 0:
        save_weights(weights, trainable.networks, description)
        summary = {"images": len(images.pixels), "parameters": count_parameters(unwrapped(trainable.network))}
        write_json(summary | job.summary(result), training)


def open_judge(weights: str | Path | None, runtime: Runtime) -> "Classifier | None":
    """The classifier with these weights; None without weights.

    Raises:
        InputError: as `Classifier`.
    """
    return None if weights is None else Classifier(Path(weights), runtime.device)


class Classifier:
    """A trained classifier.

    Args:
        path: weights that `fit_classifier` wrote.
        device: for inference.

    Raises:
        InputError: the file is missing, truncated or no weights of hemabalance.
    """

    def __init__(self, path: Path, device: torch.device) -> None:
        description = read_description(path)
        self.classes: list[str] = description["classes"]
        self._network = SmallResnet(len(self.classes), description["width"])
        load_weights(path, {"classifier": self._network}, description)
        self._network.to(device).eval()
        self._device = device

    def predict(self, pixels: np.ndarray) -> np.ndarray:
        """The most probable class of each image, str (n,), for RGB uint8 (n, height, width, 3)."""
        labels: np.ndarray = np.array(self.classes)[self.probabilities(pixels).argmax(1)]
        return labels

    @torch.inference_mode()
    def probabilities(self, pixels: np.ndarray) -> np.ndarray:
        """Class probabilities, float32 (n, classes) in the order of `classes`, for RGB uint8 (n, height, width, 3)."""
        probabilities = np.empty((len(pixels), len(self.classes)), np.float32)
        for start in range(0, len(pixels), 256):
            batch = torch.from_numpy(np.ascontiguousarray(pixels[start : start + 256])).to(self._device)
            logits = self._network(batch.permute(0, 3, 1, 2).float() / 127.5 - 1)
            probabilities[start : start + 256] = logits.softmax(1).cpu().numpy()
        return probabilities
