"""What synthesis costs: an iteration of C-WGAN-GP against its unwrapped passes, samples and the gate a second."""

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


def images(each: int, size: int = SIZE) -> Images:
    pixels = np.random.default_rng(1).integers(0, 256, (each * len(LABELS), size, size, 3), np.uint8)
    return Images(pixels, np.repeat(np.array(LABELS), each))


def job(folder: Path, runtime: Runtime) -> FitJob:
    return FitJob(runtime, folder / "state", folder / "history.jsonl", 1, 1)


def elapsed(work: Callable[[], object]) -> float:
    start_s = time.perf_counter()
    work()
    return time.perf_counter() - start_s


def built(method: str, size: int, runtime: Runtime, **changed: Any) -> Any:
    """An untrained generator with its method's settings, but for those changed."""
    spec = GeneratorSpec(method=method, settings=settings_class("synthesis", method)(**changed))
    return spec.build(classes=Classes(LABELS, LABELS), size=size, runtime=runtime)


class Bare:
    """The passes of one iteration and nothing else: no sampler, optimiser, average, watch or history."""

    def __init__(self, training: ClassifierGuidedTraining) -> None:
        self.generator, self.critic, self.classifier = (
            unwrapped(training.networks[name]) for name in ("generator", "critic", "classifier")
        )
        self.training, self.real = training, torch.rand(BATCH, 3, SIZE, SIZE) * 2 - 1
        self.targets = torch.arange(BATCH) % len(LABELS)

    def fakes(self) -> torch.Tensor:
        z = torch.randn(BATCH, self.training.settings.latent)
        made: torch.Tensor = self.generator(self.generator.encode(z, self.targets))  # type: ignore[operator]
        return made

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
    """Prints an iteration of C-WGAN-GP against its unwrapped passes, in turns."""
    generator = built("c_wgan_gp", SIZE, runtime, width=WIDTH, critic_width=WIDTH, batch=BATCH)
    data = SynthesisData(images(20), images(0), images(0))
    training = generator.initialise_training(data, job(folder, runtime))
    passes = Bare(training)
    rounds = [(elapsed(training.step), elapsed(passes.iteration)) for _ in range(ROUNDS)][2:]
    ratio = statistics.median(ours / theirs for ours, theirs in rounds)
    print(
        f"C-WGAN-GP iteration at {SIZE} px, width {WIDTH}, batch {BATCH}, {training.settings.critic_steps} critic steps, "
        f"1 thread: {statistics.median(ours for ours, _ in rounds):.2f} s, {ratio:.2f} of its unwrapped passes"
    )


def bench_samples(runtime: Runtime) -> None:
    """Prints samples a second of both generators in their full shape at the working size."""
    for method in ("c_wgan_gp", "fewshot_meta"):
        generator = built(method, WORKING_SIZE, runtime)
        generator._ready = True  # untrained weights take as long
        for served in getattr(generator, "_served", {}).values():
            served.count.fill_(len(served.references))
        seconds = elapsed(lambda made=generator: sample(made, LABELS[0], range(32), seed=1, device=runtime.device))
        print(
            f"{method} at {WORKING_SIZE} px, {generator.parameters['generator']:,} parameters, 1 thread: "
            f"{32 / seconds:.1f} images/s"
        )


def bench_gate(folder: Path, runtime: Runtime) -> None:
    """Prints the gate's images a second, Inception features among them."""
    settings = SmallClassifierSettings(width=8, batch=16, steps=4, lr=1e-3, colour_strength=0.2, log_every=4)
    gating = GateSettings()
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
    seen = compute_real_image_features(rows, real.pixels, judges.inception, judges.perceptual)
    mine = {str(label): real.labels == label for label in np.unique(real.labels)}
    copies = CopyDetector(
        {label: real.pixels[where] for label, where in mine.items()},
        {label: ids[where] for label, where in mine.items()},
        seen.distances(),
        judges.perceptual,
        quantile=gating.copy_quantile,
        class_counts={label: int(where.sum()) for label, where in mine.items()},
    )
    gate = Gate(copies, {label: seen.features[where] for label, where in mine.items()}, judges.classifier, gating)
    new = images(11).pixels[:32]
    seconds = elapsed(lambda: gate.assess(new, LABELS[0], judges.inception(new)))
    features = judges.inception(new)
    without = elapsed(lambda: gate.assess(new, LABELS[0], features))
    print(
        f"gate at {SIZE} px against 40 real images, 1 thread: {32 / seconds:.1f} images/s, "
        f"{32 / without:.1f} without Inception's features"
    )


def bench_synthesis(folder: Path) -> None:
    """All of it."""
    runtime = start(device="cpu", precision="32", devices=1, seed=1, threads=1)
    bench_iteration(folder, runtime)
    bench_samples(runtime)
    bench_gate(folder, runtime)
