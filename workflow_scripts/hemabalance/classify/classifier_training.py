"""How every neural model learns: AdamW, warm-up and cosine, label smoothing, the average that validates best."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LambdaLR, LRScheduler

from hemabalance.classify.augment import Strengths, augment
from hemabalance.classify.best_network import BestNetwork
from hemabalance.classify.model import ModelData
from hemabalance.classify.preparation import Preparation
from hemabalance.metrics.classification import accuracy, confusion, macro_f1
from hemabalance.training.average import ExponentialAverage
from hemabalance.training.batches import BalancedSampler, EpochSampler, ImagePool, Sampler
from hemabalance.training.job import FitJob, Images
from hemabalance.training.network_classifier_settings import TrainingSettings

AT_ONCE = 64
"""Images that go through a network together where nothing is trained."""


class ClassifierTraining:
    """A network in training; what comes of it is `best.network`.

    History: `cross_entropy` (smoothed) and `accuracy` on augmented training images; at each validation
    `validation_cross_entropy` (not smoothed), `validation_accuracy` and `validation_macro_f1` of the averaged network,
    macro-F1 over the classes that have a validation image. Without validation images the last average is kept.

    Args:
        network: as it begins, on any device.
        preparation: what its images go through first.
        settings: of the training.
        classes: in the order of the network's logits.
        data: checked by `model.check_data`.
        job: runtime and seed.

    Raises:
        InputError: a batch larger than the data.
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
        self.strengths = Strengths(settings.rotate, settings.colour_strength, settings.blur_strength)
        self.network, self.optimizer = job.runtime.setup(network, _optimizer(network, settings))
        self.scheduler = LambdaLR(self.optimizer, warmed_cosine(settings.steps, settings.warmup_share))
        self.average = ExponentialAverage(self.network, settings.average_decay)
        self.best = BestNetwork(self.average.module)
        self.pool, self.targets = self._pool(data.train, classes, settings.memory_budget)
        spare = settings.memory_budget - (data.train.pixels.nbytes if self.pool.resident else 0)
        self.validation_pool, self.validation_targets = self._pool(data.validation, classes, spare)
        self.sampler = _sampler(data.train.labels.tolist(), settings, job)
        self.generator = job.runtime.generator("augmentation")
        self.networks: Mapping[str, nn.Module] = {"classifier": self.network, "best": self.best}
        self.optimizers: Mapping[str, Optimizer] = {"classifier": self.optimizer}
        self.schedulers: Mapping[str, LRScheduler] = {"classifier": self.scheduler}
        self.averages: Mapping[str, ExponentialAverage] = {"classifier": self.average}
        self.samplers: Mapping[str, Sampler] = {"images": self.sampler}
        self.generators: Mapping[str, torch.Generator] = {"augmentation": self.generator}
        torch.manual_seed(job.seed + job.runtime.rank)  # of what is left out by dropout

    def _pool(self, images: Images, classes: tuple[str, ...], budget: int) -> tuple[ImagePool, Tensor]:
        targets = torch.tensor([classes.index(label) for label in images.labels.tolist()], dtype=torch.int64)
        return ImagePool(images.pixels, self.runtime, budget), targets

    @property
    def finished(self) -> bool:
        """Whether so many validations in a row saw no progress as the settings allow."""
        return 0 < self.settings.patience <= int(self.best.waited)

    def step(self) -> Mapping[str, Tensor]:
        """One step of the optimiser, and the validation that may be due after it."""
        own, step = self.settings, self.runtime.step
        indices = self.sampler.next_batch()
        images = self.preparation(augment(self.pool.take(indices), self.strengths, self.generator))
        targets = self.targets[indices].to(self.runtime.device)
        logits = self.network(images).float()
        loss = functional.cross_entropy(logits, targets, label_smoothing=own.label_smoothing)
        self.runtime.minimise(loss, self.optimizer, [self.network], "cross_entropy")
        self.scheduler.step()
        # Else the average would be made of the first, random weights for long.
        self.average.decay = min(own.average_decay, (1 + step) / (10 + step))
        self.average.update()
        losses = {
            "cross_entropy": loss.detach(),
            "accuracy": (logits.detach().argmax(1) == targets).float().mean(),
        }
        if step % own.validate_every == 0 or step == own.steps:
            losses |= self.validate()
        return losses

    def validate(self) -> dict[str, Tensor]:
        """Offer the average to `best`; what the validation images say of it, if there are any."""
        if not len(self.validation_targets):
            self.best.take(self.average.module)
            return {}
        found = self._validated()
        self.runtime.broadcast([found])  # batch normalisation saw other batches in each process
        # Not by macro-F1: one image of a class with a handful of them moves it by more than training does.
        self.best.offer(self.average.module, float(found[0]))
        names = ("validation_cross_entropy", "validation_macro_f1", "validation_accuracy")
        return dict(zip(names, found, strict=True))

    @torch.no_grad()
    def _validated(self) -> Tensor:
        """Cross-entropy, macro-F1, accuracy: float32 on the CPU."""
        parts = []
        for indices in torch.split(torch.arange(len(self.validation_targets)), AT_ONCE):
            images = self.preparation(self.validation_pool.take(indices))
            with self.runtime.autocast():
                parts.append(self.average.module(images))
        logits = torch.cat(parts).float().cpu()
        loss = functional.cross_entropy(logits, self.validation_targets)
        counts = confusion(self.validation_targets.numpy(), logits.argmax(1).numpy(), logits.shape[1])
        return torch.tensor([loss.item(), float(macro_f1(counts)), float(accuracy(counts))])


def warmed_cosine(steps: int, warmup_share: float) -> Callable[[int], float]:
    """The learning rate after so many steps, as a share: up to 1 in a line, down to 0 in half a cosine.

    Loshchilov, Hutter, ICLR 2017, arXiv:1608.03983, Eq. 5 without restarts; warm-up as Goyal et al. 2017,
    arXiv:1706.02677. The first step of a warm-up is not of rate 0.
    """
    warm = round(warmup_share * steps)

    def share(done: int) -> float:
        if done < warm:
            return (done + 1) / (warm + 1)
        return (1 + math.cos(math.pi * min(1.0, (done - warm) / max(steps - warm, 1)))) / 2

    return share


def _optimizer(network: nn.Module, settings: TrainingSettings) -> AdamW:
    """AdamW that leaves biases, and the scales of normalisations, undecayed."""
    weights = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    groups = [{"params": weights, "weight_decay": settings.weight_decay}, {"params": others, "weight_decay": 0.0}]
    # A loop over the tensors, as by default on the CPU, takes four times as long: a tenth of a step of ResNet-50.
    return AdamW(groups, lr=settings.lr, fused=True)


def _sampler(labels: list[str], settings: TrainingSettings, job: FitJob) -> Sampler:
    if settings.balanced:
        return BalancedSampler(labels, settings.batch, job.seed, job.runtime.rank)
    return EpochSampler(len(labels), settings.batch, job.seed, job.runtime.rank)
