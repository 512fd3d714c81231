"""The part `set-resources` of a profile of Snakemake's, and the profile with another such part."""

from collections.abc import Mapping
from pathlib import Path

from hemabalance.cluster.demand import Demand, LinearBound
from hemabalance.errors import InputError
from hemabalance.files import atomic_path

HEAD = "set-resources:\n"


def set_resources(by_rule: Mapping[str, Demand]) -> str:
    """YAML: of each rule memory and run time as expressions of its inputs and the attempt, with what was measured.

    A second attempt has twice the memory, a third four times; run time grows by the first attempt's.
    """
    return HEAD + "".join(_entry(rule, demand) for rule, demand in by_rule.items())


def replace_part(profile: Path, part: str) -> None:
    """Put `part` in the place of a profile's `set-resources`, which is its last key.

    Raises:
        InputError: the profile has no such key.
    """
    text = profile.read_text("utf-8") if profile.exists() else ""
    before, found, _ = text.partition(HEAD)
    if not found:
        raise InputError(
            profile, "has no line `set-resources:` to write below", "Name a profile such as profiles/slurm"
        )
    with atomic_path(profile) as new:
        new.write_text(before + part, "utf-8")


def _entry(rule: str, demand: Demand) -> str:
    lines = [
        f"  # {_told(demand)}",
        f"  {rule}:",
        f"    mem_mb: {_expression(demand.memory)} * 2 ** (attempt - 1)",
        f"    runtime: {_expression(demand.minutes)} * attempt",
    ]
    if demand.networks:
        lines.append("    cpus_per_gpu: threads")
    return "".join(f"{line}\n" for line in lines)


def _expression(line: LinearBound) -> str:
    return f"({line.base:g} + {line.slope:g} * input.size_mb)" if line.slope else f"{line.base:g}"


def _told(demand: Demand) -> str:
    sizes = [job.input_mb for job in demand.jobs]
    memory = max((job.memory_mb for job in demand.jobs if job.memory_mb is not None), default=None)
    n = len(demand.jobs)
    most = f"{memory:.0f} MB" if memory is not None else "memory unseen"
    took = max(job.seconds for job in demand.jobs)
    return f"{n} job{'s' * (n > 1)} on {min(sizes):.3g} to {max(sizes):.3g} MB: at most {most}, {took:.0f} s"
