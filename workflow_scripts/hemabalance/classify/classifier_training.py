"""Training of the neural classifiers: AdamW, warm-up and cosine schedule, label smoothing, best average kept."""

import math
from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.classify.augment import Strengths, augment
from hemabalance.classify.best_network import BestNetwork
from hemabalance.classify.class_frequencies import class_frequencies, inverse_frequency_weights, logit_shift
from hemabalance.classify.mix import Mixed, mix
from hemabalance.classify.model import ModelData
from hemabalance.classify.preparation import Preparation
from hemabalance.classify.synthetic_part import Repeats, training_sampler
from hemabalance.metrics.classification import accuracy, confusion, macro_f1
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import ImagePool, Sampler
from hemabalance.training.job import FitJob, Images
from hemabalance.training.network_classifier_settings import TrainingSettings

INFERENCE_BATCH = 64
"""Images per batch where no gradients are needed."""


class ClassifierTraining:
    """A `Trainable` classifier; the trained network is `best.network`.

    The history has `cross_entropy` (with label smoothing) and `accuracy` on augmented training images. Each validation
    adds `validation_cross_entropy` (without smoothing), `validation_accuracy` and `validation_macro_f1` (over the
    classes that have a validation image) of the averaged network. Without validation images, or with `keep: last`, the
    last average is kept.

    Args:
        network: the initialised network, on any device.
        preparation: preprocessing of its images.
        settings: settings of the training.
        classes: classes in the order of the network's logits.
        data: data checked by `model.check_data`.
        job: runtime and seed.

    Raises:
        InputError: there is no training image.
    """

    def __init__(
        self,
        network: nn.Module,
        preparation: Preparation,
        settings: TrainingSettings,
        classes: tuple[str, ...],
        data: ModelData,
        job: FitJob,
    ) -> None:
        self.settings, self.runtime = settings, job.runtime
        self.preparation = preparation.to(job.runtime.device)
        self.strengths = Strengths(
            rotate=settings.rotate,
            colour=settings.colour_strength,
            blur=settings.blur_strength,
            zoom=settings.zoom,
            shift=settings.shift,
            stain=settings.stain_strength,
            defocus=settings.defocus,
        )
        self.network, self.optimizer = job.runtime.setup(network, _optimizer(network, settings))
        self.scheduler = LambdaLR(self.optimizer, warmup_cosine(settings.steps, settings.warmup_share))
        self.average = ExponentialAverage(self.network, settings.average_decay)
        self.best = BestNetwork(self.average.module)
        self.pool, self.targets = self._pool(data.train, classes, settings.memory_budget)
        remaining = settings.memory_budget - (data.train.pixels.nbytes if self.pool.resident else 0)
        self.validation_pool, self.validation_targets = self._pool(data.validation, classes, remaining)
        self.synthetic = torch.tensor(data.is_synthetic)
        self._rank_key = (job.seed, job.runtime.rank)
        self.sampler = training_sampler(data.train.labels.tolist(), data.is_synthetic, settings, *self._rank_key)
        self.frequencies = class_frequencies(self.targets.numpy(), data.is_synthetic, len(classes), settings)
        device = job.runtime.device
        self._class_weights = inverse_frequency_weights(self.frequencies).to(device) if settings.class_weights else None
        adjusted = settings.logit_adjustment == "training"
        self._shift = logit_shift(self.frequencies, settings.tau).to(device) if adjusted else None
        self.generator = job.runtime.generator("augmentation")
        self.networks: Mapping[str, nn.Module] = {"classifier": self.network, "best": self.best}
        self.optimizers: Mapping[str, Optimizer] = {"classifier": self.optimizer}
        self.schedulers: Mapping[str, LRScheduler] = {"classifier": self.scheduler}
        self.averages: Mapping[str, ExponentialAverage] = {"classifier": self.average}
        self.samplers: Mapping[str, Sampler] = {"images": self.sampler}
        self.generators: Mapping[str, torch.Generator] = {"augmentation": self.generator}
        torch.manual_seed(job.seed + job.runtime.rank)  # for dropout

    def _pool(self, images: Images, classes: tuple[str, ...], budget: int) -> tuple[ImagePool, Tensor]:
        targets = torch.tensor([classes.index(label) for label in images.labels.tolist()], dtype=torch.int64)
        return ImagePool(images.pixels, self.runtime, budget), targets

    @property
    def finished(self) -> bool:
        """Whether `patience` validations in a row did not lower the validation loss."""
        return 0 < self.settings.patience <= int(self.best.waited)

    def step(self) -> Mapping[str, Tensor]:
        """One step of the optimiser, followed by a validation if one is due; returns the losses of the history."""
        settings, step = self.settings, self.runtime.step
        indices = self.sampler.next_batch()
        images = augment(self.pool.take(indices), self.strengths, self.generator)
        mixed = self._mixed(images)
        images = self.preparation(images if mixed is None else mixed.images)
        targets = self.targets[indices].to(self.runtime.device)
        logits = self.network(images).float()
        loss = self._loss(logits, targets, indices, mixed)
        self.runtime.minimise(loss, self.optimizer, [self.network], "cross_entropy")
        self.scheduler.step()
        # A lower decay in the first steps, or the random initial weights would dominate the average for long.
        self.average.decay = min(settings.average_decay, (1 + step) / (10 + step))
        self.average.update()
        losses = {
            "cross_entropy": loss.detach(),
            "accuracy": (logits.detach().argmax(1) == targets).float().mean(),
        }
        if step % settings.validate_every == 0 or step == settings.steps:
            losses |= self.validate()
        return losses

    def _mixed(self, images: Tensor) -> Mixed | None:
        """The mixed batch, or None if this batch is not mixed; depends on seed, rank and step only."""
        settings = self.settings
        if settings.mix == "none":
            return None
        rng = np.random.default_rng((*self._rank_key, 5, self.runtime.step))
        return mix(images, settings.mix, settings.mix_alpha, rng) if rng.random() < settings.mix_share else None

    def _loss(self, logits: Tensor, targets: Tensor, indices: Tensor, mixed: Mixed | None) -> Tensor:
        """The mean over the batch of the weighted cross-entropies."""
        settings = self.settings
        if self._shift is not None:
            logits = logits + self._shift
        weights = self._weights(targets, indices)
        if weights is None and mixed is None:
            return functional.cross_entropy(logits, targets, label_smoothing=settings.label_smoothing)

        def weighted(targets: Tensor, weights: Tensor | None) -> Tensor:
            losses = functional.cross_entropy(
                logits, targets, reduction="none", label_smoothing=settings.label_smoothing
            )
            return losses if weights is None else weights * losses

        losses = weighted(targets, weights)
        if mixed is not None:
            partner = mixed.partner.to(targets.device)
            losses = mixed.of_targets(losses, weighted(targets[partner], None if weights is None else weights[partner]))
        return losses.mean()

    def _weights(self, targets: Tensor, indices: Tensor) -> Tensor | None:
        """The weight of each image's loss, (batch,); None if all are 1."""
        weights = None if self._class_weights is None else self._class_weights[targets]
        if self.settings.synthetic_weight < 1:
            replaced = self.sampler.replaced if isinstance(self.sampler, Repeats) else self.synthetic[indices]
            of_part = torch.where(replaced, self.settings.synthetic_weight, 1.0).to(targets.device)
            weights = of_part if weights is None else weights * of_part
        return weights

    def validate(self) -> dict[str, Tensor]:
        """Offer the averaged network to `best`; returns its validation metrics, empty without validation images."""
        if not len(self.validation_targets):
            self.best.copy(self.average.module)
            return {}
        metrics = self._validation_metrics()
        self.runtime.broadcast([metrics])  # batch statistics, and with them the metrics, differ between processes
        if self.settings.keep == "last":
            self.best.copy(self.average.module)
        else:
            # By cross-entropy, not macro-F1, which a single image of a rare class changes by more than training does.
            self.best.offer(self.average.module, float(metrics[0]))
        names = ("validation_cross_entropy", "validation_macro_f1", "validation_accuracy")
        return dict(zip(names, metrics, strict=True))

    @torch.no_grad()
    def _validation_metrics(self) -> Tensor:
        """Cross-entropy, macro-F1 and accuracy of the averaged network, float32 (3,) on the CPU."""
        batches = []
        for indices in torch.split(torch.arange(len(self.validation_targets)), INFERENCE_BATCH):
            images = self.preparation(self.validation_pool.take(indices))
            with self.runtime.autocast():
                batches.append(self.average.module(images))
        logits = torch.cat(batches).float().cpu()
        loss = functional.cross_entropy(logits, self.validation_targets)
        counts = confusion(self.validation_targets.numpy(), logits.argmax(1).numpy(), logits.shape[1])
        return torch.tensor([loss.item(), float(macro_f1(counts)), float(accuracy(counts))])


def warmup_cosine(steps: int, warmup_share: float) -> Callable[[int], float]:
    """Learning-rate schedule: steps done -> factor in [0, 1], which rises linearly to 1, then falls as a half cosine.

    Loshchilov, Hutter, ICLR 2017, arXiv:1608.03983, Eq. 5 without restarts; warm-up as Goyal et al. 2017,
    arXiv:1706.02677. The rate of the first step is above 0.
    """
    warmup_steps = round(warmup_share * steps)

    def factor(done: int) -> float:
        if done < warmup_steps:
            return (done + 1) / (warmup_steps + 1)
        return (1 + math.cos(math.pi * min(1.0, (done - warmup_steps) / max(steps - warmup_steps, 1)))) / 2

    return factor


def _optimizer(network: nn.Module, settings: TrainingSettings) -> AdamW:
    """AdamW with weight decay on all weights but biases and the scales of normalisation layers."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # Fused: the default loop over tensors on the CPU takes four times as long, a tenth of a step of ResNet-50.
    return AdamW(groups, lr=settings.lr, fused=True)
