"""Speed of synthesis: an iteration of C-WGAN-GP compared with its bare passes, samples and gated images per second."""

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from torch.nn import functional

from hemabalance.config.gate import GateSettings
from hemabalance.methods import settings_class
from hemabalance.metrics import inception_weights, lpips_weights
from hemabalance.synthesis.copies import CopyDetector
from hemabalance.synthesis.gate import Gate
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.judges import Judges, open_judges
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.methods.c_wgan_gp.method import ClassifierGuidedTraining
from hemabalance.synthesis.real_image_measurement import compute_real_image_features
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import sample
from hemabalance.training.classifier import fit_classifier
from hemabalance.training.device import Runtime, start, unwrapped
from hemabalance.training.job import FitJob, Images
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

SIZE, WIDTH, BATCH, ROUNDS = 64, 24, 16, 7
WORKING_SIZE = 128
LABELS = ("basophil", "eosinophil", "lymphocyte")
WEIGHTS = Path("data/weights")


def images(per_class: int, size: int = SIZE) -> Images:
    pixels = np.random.default_rng(1).integers(0, 256, (per_class * len(LABELS), size, size, 3), np.uint8)
    return Images(pixels, np.repeat(np.array(LABELS), per_class))


def job(folder: Path, runtime: Runtime) -> FitJob:
    return FitJob(runtime, folder / "state", folder / "history.jsonl", 1, 1)


def elapsed(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def built(method: str, size: int, runtime: Runtime, **changed: Any) -> Any:
    """An untrained generator with the default settings of its method, except for `changed`."""
    spec = GeneratorSpec(method=method, settings=settings_class("synthesis", method)(**changed))
    return spec.build(classes=Classes(LABELS, LABELS), size=size, runtime=runtime)


class BarePasses:
    """The forward and backward passes of one iteration, without sampler, optimiser, average, checks or history."""

    def __init__(self, training: ClassifierGuidedTraining) -> None:
        self.generator, self.critic, self.classifier = (
            unwrapped(training.networks[name]) for name in ("generator", "critic", "classifier")
        )
        self.training, self.real = training, torch.rand(BATCH, 3, SIZE, SIZE) * 2 - 1
        self.targets = torch.arange(BATCH) % len(LABELS)

    def fakes(self) -> torch.Tensor:
        z = torch.randn(BATCH, self.training.settings.latent)
        fakes: torch.Tensor = self.generator(self.generator.encode(z, self.targets))  # type: ignore[operator]
        return fakes

    def critic_passes(self, fake: torch.Tensor) -> None:
        score = self.critic(torch.cat((self.real, fake)))
        between = torch.lerp(fake, self.real, 0.5).requires_grad_()
        (slope,) = torch.autograd.grad(self.critic(between).sum(), between, create_graph=True)
        (score.sum() + (slope.flatten(1).norm(dim=1) - 1).square().mean()).backward()

    def iteration(self) -> None:
        functional.cross_entropy(self.classifier(self.real), self.targets).backward()  # type: ignore[no-untyped-call]
        for _ in range(self.training.settings.critic_steps - 1):
            with torch.no_grad():
                fake = self.fakes()
            self.critic_passes(fake)
        fake = self.fakes()
        self.critic_passes(fake.detach())
        for judge in (self.critic, self.classifier):
            judge.requires_grad_(False)
        (self.critic(fake).mean() + functional.cross_entropy(self.classifier(fake), self.targets)).backward()
        for judge in (self.critic, self.classifier):
            judge.requires_grad_(True)


def bench_iteration(folder: Path, runtime: Runtime) -> None:
    """Print the time of an iteration of C-WGAN-GP relative to its bare passes, in alternation."""
    generator = built("c_wgan_gp", SIZE, runtime, width=WIDTH, critic_width=WIDTH, batch=BATCH)
    data = SynthesisData(images(20), images(0), images(0))
    training = generator.initialise_training(data, job(folder, runtime))
    passes = BarePasses(training)
    rounds = [(elapsed(training.step), elapsed(passes.iteration)) for _ in range(ROUNDS)][2:]
    ratio = statistics.median(ours / theirs for ours, theirs in rounds)
    print(
        f"C-WGAN-GP iteration at {SIZE} px, width {WIDTH}, batch {BATCH}, "
        f"{training.settings.critic_steps} critic steps, 1 thread: "
        f"{statistics.median(ours for ours, _ in rounds):.2f} s, {ratio:.2f} of its bare passes"
    )


def bench_samples(runtime: Runtime) -> None:
    """Print the samples per second of both generators in full size at the working size."""
    for method in ("c_wgan_gp", "fewshot_meta"):
        generator = built(method, WORKING_SIZE, runtime)
        generator._ready = True  # untrained weights take the same time
        for network in getattr(generator, "adapted", {}).values():
            network.count.fill_(len(network.references))
        seconds = elapsed(
            lambda generator=generator: sample(generator, LABELS[0], range(32), seed=1, device=runtime.device)
        )
        print(
            f"{method} at {WORKING_SIZE} px, {generator.parameters['generator']:,} parameters, 1 thread: "
            f"{32 / seconds:.1f} images/s"
        )


def bench_gate(folder: Path, runtime: Runtime) -> None:
    """Print the images per second of the gate, with and without Inception features."""
    settings = SmallClassifierSettings(width=8, batch=16, steps=4, lr=1e-3, colour_strength=0.2, log_every=4)
    gate_settings = GateSettings()
    real = images(40)
    paths = {name: folder / f"{name}.safetensors" for name in ("judge", "inception", "lpips")}
    fit_classifier(real, "none", settings, job(folder, runtime), weights=paths["judge"], training=folder / "t.json")
    for name, module in (("inception", inception_weights), ("lpips", lpips_weights)):
        if (WEIGHTS / f"{name}.safetensors").exists():
            paths[name] = WEIGHTS / f"{name}.safetensors"
        else:
            module.WEIGHTS.fetch(paths[name])
    judges: Judges = open_judges(paths["inception"], paths["lpips"], paths["judge"], runtime=runtime)
    ids = np.array([f"i{k}" for k in range(len(real.pixels))])
    rows = pd.DataFrame({"image_id": ids, "label": real.labels, "kind": "training", "reference": True})
    real_features = compute_real_image_features(rows, real.pixels, judges.inception, judges.perceptual)
    masks = {str(label): real.labels == label for label in np.unique(real.labels)}
    copies = CopyDetector(
        {label: real.pixels[where] for label, where in masks.items()},
        {label: ids[where] for label, where in masks.items()},
        real_features.distances(),
        judges.perceptual,
        quantile=gate_settings.copy_quantile,
        class_counts={label: int(where.sum()) for label, where in masks.items()},
    )
    gate = Gate(
        copies,
        {label: real_features.features[where] for label, where in masks.items()},
        judges.classifier,
        gate_settings,
    )
    candidates = images(11).pixels[:32]
    seconds = elapsed(lambda: gate.assess(candidates, LABELS[0], judges.inception(candidates)))
    features = judges.inception(candidates)
    without = elapsed(lambda: gate.assess(candidates, LABELS[0], features))
    print(
        f"gate at {SIZE} px against 40 real images, 1 thread: {32 / seconds:.1f} images/s, "
        f"{32 / without:.1f} without Inception's features"
    )


def bench_synthesis(folder: Path) -> None:
    """Run all benchmarks of synthesis."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    bench_iteration(folder, runtime)
    bench_samples(runtime)
    bench_gate(folder, runtime)
