"""Part 6: a real training as long as time is left; a second call continues it from its checkpoint."""

import json
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import FrameType
from typing import Any, cast

import numpy as np
import torch
from PIL import Image

from hemabalance.config.data import PixelConfig
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.geometry import fit_square
from hemabalance.errors import InputError
from hemabalance.files import atomic_path
from hemabalance.gpu_check.cases import TrainingCase, full_roles
from hemabalance.gpu_check.steps import SEED, Machine, wait
from hemabalance.sources.decode import UnreadableImage, decode
from hemabalance.sources.formats import IMAGE_SUFFIXES
from hemabalance.sources.junk import is_hidden
from hemabalance.sources.phantom.cells import sample_cells
from hemabalance.sources.phantom.render import render
from hemabalance.synthesis.generator import SynthesisData
from hemabalance.synthesis.method import GeneratorSpec
from hemabalance.synthesis.roles import Classes
from hemabalance.synthesis.sampling import BLOCK
from hemabalance.training.checkpoint import KIND
from hemabalance.training.data_checks import fingerprint
from hemabalance.training.job import FitJob, Images
from hemabalance.training.loop import Schedule, train
from hemabalance.training.tensorfile import read_tensors

HELD_BACK = 10
"""Every tenth image is held back from the training, for its history."""
SHEET_COLUMNS = 8
LEAST_SECONDS = 0.1
DRAWING_SECONDS = 1.0
STOPPED = 128 + signal.SIGTERM
"""Exit code of a process that SIGTERM has ended."""
FRAME = 256
"""Side of a rendered photograph in pixels, before it is reduced."""


@dataclass(frozen=True)
class RealTraining:
    """A class-conditional generator to train, and its images.

    Attributes:
        case: the generator; it generates the classes that it learns.
        roles: determine the rich classes (`cases.full_roles`); those of them that have images are trained on.
        images: at the size of the case.
        precision: "32" or "bf16".
        folder: gets the checkpoint, `history.jsonl`, and `sheet.png`: generated images, one row a class.

    Raises:
        InputError: there is no image of a rich class.
    """

    case: TrainingCase
    roles: RolesConfig
    images: Images
    precision: str
    folder: Path

    def __post_init__(self) -> None:
        if not self.classes:
            problem, rich = "are of no rich class", ", ".join(full_roles(self.roles).rich)
            raise InputError("training images", problem, f"Name the folders of images after classes, such as {rich}")

    @property
    def classes(self) -> tuple[str, ...]:
        """The rich classes that have images."""
        present = set(self.images.labels.tolist())
        return tuple(name for name in full_roles(self.roles).rich if name in present)


def training_row(what: RealTraining, machine: Machine, seconds: float) -> dict[str, Any]:
    """Train for `seconds` or until the training is finished, or continue the training of an earlier call.

    Returns:
        JSON values: `images` (number)`, steps_done, steps, seconds` (of all calls)`, losses` (last line of the
        history, by name)`, trained_images_per_s` (real images that the networks were given, each time
        counted, by the seconds of all calls)`, drawn_images_per_s` (by the trained network, as the workflow draws).

    Raises:
        InputError: the checkpoint belongs to other images or settings, or the training diverged.
    """
    case, images, classes = what.case, what.images, what.classes
    settings: Any = case.settings
    held_back = np.arange(len(images.labels)) % HELD_BACK == 0
    data = SynthesisData(_part(images, ~held_back), _part(images, held_back), _part(images, held_back & False))
    job = replace(machine.job(what.precision), state=what.folder / "state", history=what.folder / "history.jsonl")
    training: Any = None
    with _stopped_after(seconds):
        spec = GeneratorSpec(method=case.method, settings=settings)
        generator: Any = spec.build(classes=Classes(classes, classes), size=case.size, runtime=job.runtime)
        training = generator.initialise_training(data, job)
        # Frequent checkpoints: the machine may be taken away.
        schedule = Schedule(settings.steps, min(200, settings.checkpoint_every), min(20, settings.log_every))
        description = {**generator.description, "images": fingerprint(images.labels, images.pixels)}
        try:
            train(
                training, schedule, state=job.state, history=job.history, description=description,
                runtime=job.runtime, what=f"training {case.name}",
            )  # fmt: skip
        finally:
            _write_sheet(training, classes, what.folder / "sheet.png", job)
    drawn_per_s = None if training is None else _drawn_images_per_s(training, classes[0], job)
    steps_done, total_seconds = _progress(job)
    images_a_step = min(case.batch, len(data.real.labels)) * getattr(settings, "critic_steps", 1)
    return {
        "images": len(images.pixels),
        "steps_done": steps_done,
        "steps": settings.steps,
        "seconds": round(total_seconds, 1),
        "losses": _last_losses(job),
        "trained_images_per_s": images_a_step * steps_done / total_seconds if total_seconds else None,
        "drawn_images_per_s": drawn_per_s,
    }


def rendered_images(labels: tuple[str, ...], per_class: int, size: int, threads: int) -> Images:
    """Rendered cells in the stain of the phantom's domain a, `per_class` of each cell type, in turn."""
    names = [labels[k % len(labels)] for k in range(per_class * len(labels))]
    cells = sample_cells(names, seed=SEED, first_index=0)
    frames = render(cells, "a", shape=(FRAME, FRAME), nuisance=True, threads=threads)
    return Images(np.stack([_fit(frame, size) for frame in frames]), np.array(names))


def read_images(folder: Path, size: int, limits: PixelConfig) -> Images:
    """All images below the folders of a folder; the name of a folder is the class.

    Args:
        folder: has a folder for each class.
        size: side of the result in pixels; photographs are cropped to a square.
        limits: of the photographs.

    Raises:
        InputError: there are no images, or one cannot be read.
    """
    files = (path for path in folder.glob("*/*") if path.suffix.lower() in IMAGE_SUFFIXES)
    paths = sorted(path for path in files if not is_hidden(path.relative_to(folder).as_posix()))
    if not paths:
        raise InputError(folder, "has no folders with images", "Give a folder with one folder of images for each class")
    pixels = []
    for path in paths:
        try:
            photograph, _ = decode(path.read_bytes(), max_pixels=limits.max_pixels, min_side=limits.min_side)
        except (OSError, UnreadableImage) as error:
            raise InputError(path, f"cannot be read: {error}", "Replace or remove it") from error
        pixels.append(_fit(photograph, size))
    return Images(np.stack(pixels), np.array([path.parent.name for path in paths]))


def _fit(pixels: np.ndarray, size: int) -> np.ndarray:
    return np.asarray(fit_square(pixels, size=size, fit="crop", field=1.0))


def _part(images: Images, where: np.ndarray) -> Images:
    return Images(images.pixels[where], images.labels[where])


@contextmanager
def _stopped_after(seconds: float) -> Iterator[None]:
    """Within the block the training loop is asked to stop after some time, as by the SIGTERM of a cluster.

    The loop catches the signal and saves a checkpoint; before and after the loop, the block just ends.
    """

    def stop(number: int, frame: FrameType | None) -> None:
        raise SystemExit(STOPPED)

    before = signal.signal(signal.SIGTERM, stop)
    timer = threading.Timer(max(seconds, LEAST_SECONDS), os.kill, (os.getpid(), signal.SIGTERM))
    timer.daemon = True
    timer.start()
    try:
        yield
    except SystemExit as error:
        if error.code != STOPPED:
            raise
    finally:
        timer.cancel()
        signal.signal(signal.SIGTERM, before)


def _progress(job: FitJob) -> tuple[int, float]:
    """Steps and seconds of all calls until the last checkpoint; 0 without one."""
    path = job.state / "checkpoint.safetensors"
    if not path.exists():
        return 0, 0.0
    header, _ = read_tensors(path, KIND, f"Delete the folder {job.state} and run again")
    steps, seconds, *_ = header["position"]
    return int(steps), float(seconds)


def _last_losses(job: FitJob) -> dict[str, float]:
    path = job.state / "history.jsonl"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return {} if not lines else {name: value for name, value in json.loads(lines[-1]).items() if name != "step"}


@torch.inference_mode()
def _drawn_images_per_s(training: Any, label: str, job: FitJob) -> float:
    """Images of a class that the network generates in a second, in blocks and with the precision of `sampling`."""
    device = job.runtime.device
    latents = torch.randn(BLOCK, training.latent, generator=torch.Generator().manual_seed(SEED)).to(device)
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False, fp32_precision="ieee"):
        training.draw(label, latents)
        wait(device)
        begin, drawn = time.perf_counter(), 0
        while not drawn or time.perf_counter() - begin < DRAWING_SECONDS:
            training.draw(label, latents)
            wait(device)
            drawn += BLOCK
    return drawn / (time.perf_counter() - begin)


@torch.inference_mode()
def _write_sheet(training: Any, classes: tuple[str, ...], path: Path, job: FitJob) -> None:
    """Write generated images of the averaged generator, one row a class, the same latents in each row."""
    latents = torch.randn(SHEET_COLUMNS, training.latent, generator=torch.Generator().manual_seed(SEED))
    rows = []
    for label in classes:
        images = training.draw(label, latents.to(job.runtime.device))
        levels = ((images + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
        rows.append(np.concatenate(list(levels.permute(0, 2, 3, 1).cpu().numpy()), axis=1))
    with atomic_path(path) as part:
        Image.fromarray(np.concatenate(rows)).save(cast(Any, part), format="png")
