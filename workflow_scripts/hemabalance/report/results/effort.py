"""What a run cost and how large it was, from the benchmarks of its jobs: hours by stage, sizes of images, steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.cluster.benchmarks import MeasuredJob, core_seconds
from hemabalance.report.cells import NOT_AVAILABLE

_SCRIPTS = Path(__file__).resolve().parents[3]
_STEPS = ("steps", "episodes")


def stage_of(job: MeasuredJob) -> str:
    """The folder of the script that the job ran."""
    scripts = _SCRIPTS.glob(f"*/{job.kind}.py")
    return next((path.parent.name for path in scripts if path.parent.name != "hemabalance"), "other")


def hours_by_stage(jobs: Sequence[MeasuredJob]) -> list[list[str]]:
    """Rows of stage, number of jobs, core hours (seconds x threads) and hours of processor time; the last is the total.

    Stages are in the order of their core hours.
    """
    by_stage: dict[str, list[MeasuredJob]] = {}
    for job in jobs:
        by_stage.setdefault(stage_of(job), []).append(job)
    ordered = sorted(by_stage.items(), key=lambda item: -core_seconds(item[1]))
    return [_hours_row(stage, members) for stage, members in [*ordered, ("all", jobs)]]


def _hours_row(stage: str, jobs: Sequence[MeasuredJob]) -> list[str]:
    processor = sum(job.cpu_seconds or 0.0 for job in jobs)
    return [stage, f"{len(jobs):,}", f"{core_seconds(jobs) / 3600:.2f}", f"{processor / 3600:.2f}"]


def uses_cuda(jobs: Sequence[MeasuredJob]) -> bool:
    """Whether a job computed on a GPU."""
    return any(job.device == "cuda" for job in jobs)


def sizes(jobs: Sequence[MeasuredJob]) -> list[list[str]]:
    """Rows of a thing, its size of images in pixels, and its training steps or episodes, from the settings of jobs."""
    rows: dict[tuple[str, str, str], None] = {}
    for job in jobs:
        for row in _sizes_of(job):
            rows[row] = None
    return [list(row) for row in rows]


def _sizes_of(job: MeasuredJob) -> list[tuple[str, str, str]]:
    settings = job.settings
    if job.kind == "images":
        return [("images of the sources", str(settings["images"]["size"]), "–")]
    if job.kind == "stain_fit":
        method = settings["normalizer"]
        return [(f"normaliser {method['method']}", "as the sources", _steps(method["settings"]))]
    if job.kind == "synthesis_fit":
        generator = settings["generator"]
        return [(f"generator {settings['name']}", str(generator["size"]), _steps(generator["spec"]["settings"]))]
    if job.kind == "synthesis_judge":
        return [("judge of the gate", str(settings["size"]), _steps(settings["classifier"]))]
    if job.kind == "classify_fit":
        model = settings["model"]
        name = model["settings"].get("architecture") or model["method"]
        return [(f"classifier {name}", str(model["settings"].get("input_size", "–")), _steps(model["settings"]))]
    return []


def _steps(settings: Mapping[str, Any]) -> str:
    return next((f"{settings[key]:,} {key}" for key in _STEPS if key in settings), "none")


NO_BENCHMARKS = f"{NOT_AVAILABLE}: the run has no benchmarks; its results were taken from DVC"
"""Text in place of hours and sizes."""
