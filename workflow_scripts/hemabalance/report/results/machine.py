"""Where a page of results was written: version of the code, processor, memory, versions of packages."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hemabalance.report.cells import NOT_AVAILABLE

PROJECT = Path(__file__).resolve().parents[4]
"""Folder of the checkout."""

_PACKAGES = ("torch", "torchvision", "timm", "lpips", "torch-fidelity", "numpy", "scikit-learn", "snakemake", "dvc")
_CODE = ("workflow_scripts", "rules", "Snakefile", "config.yaml", "profiles")


def commit(project: Path = PROJECT) -> str:
    """The commit that is checked out, and whether code or config differ from it."""
    try:
        name = _git(project, "rev-parse", "--short=12", "HEAD").strip()
        changed = _git(project, "status", "--porcelain", "--untracked-files=no", "--", *_CODE)
    except (OSError, subprocess.CalledProcessError):
        return f"{NOT_AVAILABLE}: the code is not a git checkout"
    return f"`{name}`" + (", with changes that are not committed" if changed else "")


def _git(project: Path, *arguments: str) -> str:
    command = ["git", "-C", str(project), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def hardware(*, cuda: bool) -> str:
    """Processor, cores and memory in words, without the machine's name; the GPU too if the run used one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3
    parts = [processor(), f"{cores} core{'s' * (cores > 1)}", f"{memory:.0f} GiB of memory"]
    if cuda:
        import torch

        parts.append(torch.cuda.get_device_name() if torch.cuda.is_available() else "GPU not visible here")
    return ", ".join(parts)


def processor(facts: Path = Path("/proc/cpuinfo")) -> str:
    """Name of the processor."""
    try:
        lines = facts.read_text("utf-8").splitlines()
    except OSError:
        lines = []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return next(filter(None, [*names[:1], platform.processor(), platform.machine()]), "processor without a name")


def versions() -> str:
    """Versions of Python and of the packages on which results depend most."""
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {_version(name)}" for name in _PACKAGES)])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return NOT_AVAILABLE
