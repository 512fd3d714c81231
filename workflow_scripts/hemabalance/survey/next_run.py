"""The run to propose: its overlay, by the amount of data and the device, and the command that starts it."""

import os
import shlex
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.config.overlays import overlaid
from hemabalance.config.run import read_config_file

CONFIG = Path("config.yaml")
FEWEST_FOR_FULL, FEWEST_FOR_SAMPLE = 1000, 600
_OVERLAYS = Path("profiles/overlays")


@dataclass(frozen=True)
class NextRun:
    """A run of the workflow.

    Attributes:
        overlay: `sample` or `demo`, or None for the full run.
        why: why this one, one clause.
        command: command line.
        base: values of its config without the laboratories' own; empty outside of the project's folder.
    """

    overlay: str | None
    why: str
    command: str
    base: dict[str, Any]


def next_run(images: int, into: str, *, gpu: bool | None = None) -> NextRun:
    """The run that suits a number of labelled images.

    Args:
        images: number of labelled images.
        into: the config file that is written.
        gpu: whether there is a GPU; default: look.
    """
    gpu = _has_gpu() if gpu is None else gpu
    if images < FEWEST_FOR_SAMPLE:
        overlay, why = "demo", f"{images} images are enough to try every step in minutes, not to train networks well"
    elif gpu and images >= FEWEST_FOR_FULL:
        overlay, why = None, "a GPU is here: the full run"
    else:
        here = "no GPU is here" if not gpu else f"{images} images are few for the full run"
        overlay, why = "sample", f"{here}: images of 64 pixels and short trainings, about an hour for 6,000 images"
    files = [CONFIG, *([_OVERLAYS / f"{overlay}.yaml"] if overlay else [])]
    base: dict[str, Any] = {}
    for file in files:
        base = overlaid(base, read_config_file(file))
    resources = "" if overlay else " --resources gpu=1"
    given = " ".join(map(shlex.quote, [*map(str, files), into]))
    command = f"snakemake --cores {_cores()}{resources} --configfile {given}"
    return NextRun(overlay, why, command, base)


def _has_gpu() -> bool:
    return shutil.which("nvidia-smi") is not None or Path("/dev/nvidia0").exists()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
