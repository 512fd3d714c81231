"""The check: all parts in order of worth, each in its share of the time; the output is written after each row."""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from hemabalance.config.run import Config
from hemabalance.errors import InputError
from hemabalance.gpu_check import output
from hemabalance.gpu_check.cases import TrainingCase, distinct_cases, full_roles, training_cases
from hemabalance.gpu_check.parity import parity_row
from hemabalance.gpu_check.peers import augmentation_row, peer_row, timm_name
from hemabalance.gpu_check.projection import projection, rule_demands
from hemabalance.gpu_check.real_training import RealTraining, read_images, rendered_images, training_row
from hemabalance.gpu_check.resume import SIZE, SMALL, resume_row
from hemabalance.gpu_check.speed import COMPILED, VARIANTS, Effort, Variant, speed_row
from hemabalance.gpu_check.steps import Machine
from hemabalance.training.device import start

log = logging.getLogger(__name__)

SHARES = {"parity": 0.25, "speed": 0.4, "peers": 0.1, "augmentation": 0.02, "resume": 0.13}
"""Share of the time of each part; the rest is for the real training."""
TINY = {
    "architecture": "efficientnet_b0",
    "width": 4, "critic_width": 4, "critic_layers": 1, "discriminator_width": 4, "encoder_width": 4, "latent": 4,
    "features": 4, "stem": 4, "groups": 2, "depths": (1, 1, 1, 1), "batch": 4, "shots": 2, "inner_steps": 2,
    "critic_steps": 2, "input_size": 32, "references": 8, "snapshots": 2, "snapshot_adapt_steps": 1,
    "snapshot_images": 2, "blocks": 1, "steps": 40, "episodes": 40, "log_every": 5, "checkpoint_every": 20,
}  # fmt: skip
"""Settings with which the check runs on a CPU in a minute."""
TINY_SIZE = 32
FULL_EFFORT, TINY_EFFORT = Effort(3, 1.0, 20), Effort(1, 0.0, 2)
RESUME_STEPS, TINY_RESUME_STEPS = 200, 4
TINY_VARIANTS = 2
RENDERED_PER_CLASS, TINY_RENDERED_PER_CLASS = 40, 4


@dataclass(frozen=True)
class CheckOptions:
    """What to check.

    Attributes:
        device: "cuda" or "cpu".
        tiny: small networks and images, and one entry of each method: shows that the check works, measures nothing.
        seconds: time of the whole check.
        into: folder of the output.
        threads: CPU threads.
        train: generator of the real training; None for none.
        images: folder with one folder of images for each class, for the real training; None to render cells.
        train_size: side of these images in pixels; None, and with `tiny`: that of the other trainings.
    """

    device: str
    tiny: bool
    seconds: float
    into: Path
    threads: int
    train: str | None
    images: Path | None
    train_size: int | None = None


@dataclass
class _Check:
    """The state of a check: its results so far, and the time that is left."""

    config: Config
    options: CheckOptions
    machine: Machine
    cases: Sequence[TrainingCase]
    real_training: RealTraining | None
    results: dict[str, Any]
    begin: float = field(default_factory=time.monotonic)

    @property
    def seconds_left(self) -> float:
        return self.options.seconds - (time.monotonic() - self.begin)

    def run(self) -> None:
        cases = self.cases
        effort = TINY_EFFORT if self.options.tiny else FULL_EFFORT
        steps = TINY_RESUME_STEPS if self.options.tiny else RESUME_STEPS
        bf16 = _bf16(self.machine.device)
        distinct = distinct_cases(cases)
        self.part("parity", distinct, lambda case: parity_row(case, self.machine, bf16=bf16))
        variants = [variant for variant in VARIANTS if bf16 or variant.precision == "32"]
        variants = variants[:TINY_VARIANTS] if self.options.tiny else variants
        jobs = [(case, variant) for variant in variants for case in distinct]
        if self.machine.device == "cuda":
            compiled = [variant for variant in COMPILED if bf16 or variant.precision == "32"]
            jobs += [(case, variant) for variant in compiled for case in distinct if case.rule == "classify_fit"]
        self.part("speed", jobs, lambda job: speed_row(job[0], job[1], self.machine, effort))
        self.results["host_mib"]["peak"] = output.peak_memory_mib()
        if not self.options.tiny:
            self.project(cases)
        classifiers = [case for case in distinct if case.rule == "classify_fit"]
        precisions = ("32", "bf16") if bf16 else ("32",)
        peers = [(case, precision) for precision in precisions for case in classifiers if timm_name(case)]
        self.part("peers", peers, lambda job: peer_row(job[0], job[1], self.machine, effort))
        self.part("augmentation", classifiers[:1], lambda case: augmentation_row(case, self.machine, effort))
        small = [case if self.options.tiny else case.changed(SMALL, SIZE) for case in _by_turns(_one_a_method(cases))]
        self.part("resume", small, lambda case: resume_row(case, self.machine, steps))
        self.train()

    def part(self, name: str, jobs: Sequence[Any], measure: Callable[[Any], Mapping[str, Any]]) -> None:
        """Measure jobs until the time of the part is used up; an error becomes the row of its job."""
        begin, limit = time.monotonic(), SHARES.get(name, 1.0) * self.options.seconds
        part: dict[str, Any] = {"part": name, "seconds": 0.0, "rows": [], "not_measured": []}
        self.results["parts"].append(part)
        for job in jobs:
            case, *others = job if isinstance(job, tuple) else (job,)
            title = " ".join([case.name, *(str(getattr(other, "name", other)) for other in others)])
            if time.monotonic() - begin > limit or self.seconds_left <= 0:
                part["not_measured"].append(title)
                continue
            log.info("%s: %s", name, title)
            labels = {"rule": case.rule, "name": case.name, "method": case.method}
            if others and isinstance(others[0], Variant):
                labels["variant"] = others[0].name
            part["rows"].append({**labels, **_measured(measure, job)})
            part["seconds"] = time.monotonic() - begin
            output.write(self.results, self.options.into)
        output.write(self.results, self.options.into)

    def project(self, cases: Sequence[TrainingCase]) -> None:
        """Write the projection of the run from the measured steps."""
        rows = projection(cases, self.results["parts"][-1]["rows"], self.config)
        self.results["parts"].append({"part": "projection", "seconds": 0.0, "rows": rows, "not_measured": []})
        self.results["rules"] = rule_demands(rows)
        output.write(self.results, self.options.into)

    def train(self) -> None:
        """Train for the rest of the time."""
        if self.real_training is not None:
            training = self.real_training
            self.part("training", [training.case], lambda case: training_row(training, self.machine, self.seconds_left))


def run_check(config: Config, options: CheckOptions) -> bool:
    """Check the trainings of a run on a device, and write `gpu.json` and `gpu.md`.

    Args:
        config: of the run.
        options: device, time, output.

    Returns:
        Whether every training ran, and none differs from the CPU.

    Raises:
        InputError: the device is missing, there is no such generator to train, its images cannot be read or are of no
            rich class, or the output cannot be written.
    """
    before = output.peak_memory_mib()
    start(device=options.device, precision="32", devices=1, seed=1, threads=options.threads)
    cases = [case for case in training_cases(config) if case.start is not None]
    if options.tiny:
        cases = [case.changed(TINY, TINY_SIZE) for case in _one_a_method(cases)]
    real_training = _real_training(config, options, cases)
    options.into.mkdir(parents=True, exist_ok=True)
    results: dict[str, Any] = {
        "hardware": output.hardware(options.device, options.threads),
        "sizes": "tiny" if options.tiny else "full",
        "host_mib": {"before": before, "peak": before},
        "rules": {},
        "parts": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(options.device, options.threads, Path(folder))
        _Check(config, options, machine, cases, real_training, results).run()
    rows = [row for part in results["parts"] for row in part["rows"]]
    return not any("error" in row or row.get("same") is False for row in rows)


def _real_training(config: Config, options: CheckOptions, cases: Sequence[TrainingCase]) -> RealTraining | None:
    """The training of part 6; errors about its generator and images are raised before anything is measured."""
    if options.train is None:
        return None
    generators = {case.name: case for case in cases if case.rule == "synthesis_fit" and not case.served}
    if options.train not in generators:
        problem, names = "is no generator that learns the classes that it generates", ", ".join(generators)
        raise InputError(f"--train {options.train}", problem, f"Choose one of {names}, or none")
    case, roles = generators[options.train], config.synthesis.roles
    if options.train_size and not options.tiny:
        case = case.changed({}, options.train_size)
    if options.images is not None:
        images = read_images(options.images, case.size, config.pixels)
    else:
        per_class = TINY_RENDERED_PER_CLASS if options.tiny else RENDERED_PER_CLASS
        images = rendered_images(full_roles(roles).rich, per_class, case.size, options.threads)
    return RealTraining(
        case, roles, images, "bf16" if _bf16(options.device) else config.precision, options.into / "training"
    )


def _bf16(device: str) -> bool:
    return device == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)


def _measured(measure: Callable[[Any], Mapping[str, Any]], job: Any) -> Mapping[str, Any]:
    try:
        return measure(job)
    except torch.cuda.OutOfMemoryError:
        return {"error": "out of memory with the smallest batch"}
    except Exception as error:  # a method that fails must not hide the others
        log.info("failed: %s", error, exc_info=not isinstance(error, InputError))
        return {"error": f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"}
    finally:
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def _one_a_method(cases: Iterable[TrainingCase]) -> list[TrainingCase]:
    """The first training of each method, named after it, and of each rule without a method."""
    first = {(case.rule, case.method): case for case in reversed(list(cases))}
    return [replace(case, name=case.method or case.rule) for case in first.values()][::-1]


def _by_turns(cases: Sequence[TrainingCase]) -> list[TrainingCase]:
    """The first training of each rule, then the second of each, and so on: the time may not suffice for all."""
    turns: Counter[str] = Counter()
    ordered = []
    for case in cases:
        ordered.append((turns[case.rule], case))
        turns[case.rule] += 1
    return [case for _, case in sorted(ordered, key=lambda item: item[0])]
