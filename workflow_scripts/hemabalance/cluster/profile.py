"""Write the section `set-resources` of a Snakemake profile."""

from collections.abc import Mapping
from pathlib import Path

from hemabalance.cluster.demand import Demand, LinearBound
from hemabalance.errors import InputError
from hemabalance.files import atomic_path, check_target

HEAD = "set-resources:\n"


def set_resources(by_rule: Mapping[str, Demand]) -> str:
    """YAML with memory and run time of each rule as expressions of input size and attempt.

    Comments give the measurements. The second attempt gets twice the memory, the third four times. Attempt k gets k
    times the run time.
    """
    return HEAD + "".join(_entry(rule, demand) for rule, demand in by_rule.items())


def check_profile(profile: Path) -> str:
    """The text of a profile before its section `set-resources`, which must be its last key.

    Raises:
        InputError: the profile is missing or has no such key, or its folder cannot be written to.
    """
    check_target(profile)
    choose = "Choose a profile such as profiles/slurm/config.yaml"
    if not profile.exists():
        raise InputError(profile.absolute(), "does not exist", choose)
    try:
        before, heading, _ = profile.read_text("utf-8").partition(HEAD)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(profile, f"cannot be read ({error})", choose) from error
    if not heading:
        raise InputError(profile, "has no line `set-resources:`", choose)
    return before


def replace_section(profile: Path, section: str) -> None:
    """Replace the section `set-resources` of a profile.

    Raises:
        InputError: as `check_profile`, or the disk is full.
    """
    before = check_profile(profile)
    with atomic_path(profile) as part:
        part.write_text(before + section, "utf-8")


def _entry(rule: str, demand: Demand) -> str:
    lines = [
        f"  # {_measurements(demand)}",
        f"  {rule}:",
        f"    mem_mb: {_expression(demand.memory)} * 2 ** (attempt - 1)",
        f"    runtime: {_expression(demand.minutes)} * attempt",
    ]
    if demand.networks:
        lines.append("    cpus_per_gpu: threads")
    return "".join(f"{line}\n" for line in lines)


def _expression(line: LinearBound) -> str:
    return f"({line.base:g} + {line.slope:g} * input.size_mb)" if line.slope else f"{line.base:g}"


def _measurements(demand: Demand) -> str:
    sizes = [job.input_mb for job in demand.jobs]
    memory = max((job.memory_mb for job in demand.jobs if job.memory_mb is not None), default=None)
    n = len(demand.jobs)
    used = f"{memory:.0f} MB" if memory is not None else "memory not measured"
    seconds = max(job.seconds for job in demand.jobs)
    text = f"{n} job{'s' * (n > 1)} on {min(sizes):.3g} to {max(sizes):.3g} MB: at most {used}, {seconds:.0f} s"
    if demand.gpu is None:
        return text
    gpu = demand.gpu
    return f"{text}; on {gpu.device}: {gpu.hours:.1f} h, {gpu.gpu_memory_mb / 1024:.1f} GiB of GPU memory"
