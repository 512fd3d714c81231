"""The check: all parts in order of worth, each in its share of the time; the output is written after each row."""

import logging
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
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
from hemabalance.gpu_check.real_training import read_images, rendered_images, training_row
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
RENDERED_PER_CLASS = 40


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
    """

    device: str
    tiny: bool
    seconds: float
    into: Path
    threads: int
    train: str | None
    images: Path | None


@dataclass
class _Check:
    """The state of a check: its results so far, and the time that is left."""

    config: Config
    options: CheckOptions
    machine: Machine
    results: dict[str, Any]
    begin: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        cases = [case for case in training_cases(self.config) if case.start is not None]
        if self.options.tiny:
            cases = [case.changed(TINY, TINY_SIZE) for case in _one_a_method(cases)]
        effort = TINY_EFFORT if self.options.tiny else FULL_EFFORT
        steps = TINY_RESUME_STEPS if self.options.tiny else RESUME_STEPS
        bf16 = self.machine.device == "cpu" or torch.cuda.is_bf16_supported(including_emulation=False)
        distinct = distinct_cases(cases)
        self.part("parity", distinct, lambda case: parity_row(case, self.machine, bf16=bf16))
        variants = [variant for variant in VARIANTS if bf16 or variant.precision == "32"][
            : 2 if self.options.tiny else None
        ]
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
        self.train(cases)

    def part(self, name: str, jobs: Sequence[Any], measure: Callable[[Any], Mapping[str, Any]]) -> None:
        """Measure jobs until the time of the part is used up; an error becomes the row of its job."""
        begin, limit = time.monotonic(), SHARES.get(name, 1.0) * self.options.seconds
        part: dict[str, Any] = {"part": name, "seconds": 0.0, "rows": [], "not_measured": []}
        self.results["parts"].append(part)
        for job in jobs:
            case, *others = job if isinstance(job, tuple) else (job,)
            title = " ".join([case.name, *(str(getattr(other, "name", other)) for other in others)])
            if time.monotonic() - begin > limit:
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

    def train(self, cases: Sequence[TrainingCase]) -> None:
        """Train for the rest of the time."""
        options = self.options
        case = next((case for case in cases if case.name == options.train), None)
        if case is None:
            return
        left = options.seconds - (time.monotonic() - self.begin)
        if options.images is not None:
            images = read_images(options.images, case.size)
        else:
            rich = full_roles(self.config.synthesis.roles).rich
            images = rendered_images(rich, 4 if options.tiny else RENDERED_PER_CLASS, case.size, options.threads)

        def measure(case: TrainingCase) -> Mapping[str, Any]:
            seconds = max(1.0, options.seconds - (time.monotonic() - self.begin))
            return training_row(
                case, self.config.synthesis.roles, self.machine, options.into / "training",
                precision=self.config.precision, images=images, seconds=seconds,
            )  # fmt: skip

        self.part("training", [case] if left > 0 else [], measure)


def run_check(config: Config, options: CheckOptions) -> bool:
    """Check the trainings of a run on a device, and write `gpu.json` and `gpu.md`.

    Args:
        config: of the run.
        options: device, time, output.

    Returns:
        Whether every training ran, and none differs from the CPU.

    Raises:
        InputError: the device is missing, or the output cannot be written.
    """
    before = output.peak_memory_mib()
    start(device=options.device, precision="32", devices=1, seed=1, threads=options.threads)
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
        _Check(config, options, machine, results).run()
    rows = [row for part in results["parts"] for row in part["rows"]]
    return not any("error" in row or row.get("same") is False for row in rows)


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
    """The first training of each method, and of each rule without a method."""
    return list({(case.rule, case.method): case for case in reversed(list(cases))}.values())[::-1]


def _by_turns(cases: Sequence[TrainingCase]) -> list[TrainingCase]:
    """The first training of each rule, then the second of each, and so on: the time may not suffice for all."""
    turns: Counter[str] = Counter()
    ordered = []
    for case in cases:
        ordered.append((turns[case.rule], case))
        turns[case.rule] += 1
    return [case for _, case in sorted(ordered, key=lambda item: item[0])]
