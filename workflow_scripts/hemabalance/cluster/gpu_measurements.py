"""Read the measurements of a GPU that `hemabalance check-gpu` wrote, for the resources of cluster jobs."""

import json
from dataclasses import dataclass
from pathlib import Path

from hemabalance.errors import InputError


@dataclass(frozen=True)
class GpuDemand:
    """What the trainings of one rule need on a GPU.

    Attributes:
        device: name of the GPU.
        hours: projected time of its longest training: the steps alone.
        gpu_memory_mb: largest memory on the GPU, MiB.
        host_memory_mb: memory of the process that CUDA and the networks add to a process without them, MiB.
    """

    device: str
    hours: float
    gpu_memory_mb: float
    host_memory_mb: float


def read_gpu_rules(path: Path) -> dict[str, GpuDemand]:
    """The demand of each measured rule, from a `gpu.json`.

    Raises:
        InputError: the file is no output of check-gpu, or was measured on a CPU or at tiny sizes.
    """
    remedy = "Give the gpu.json of `hemabalance check-gpu` on a GPU"
    try:
        results = json.loads(path.read_text("utf-8"))
        hardware, sizes, host = results["hardware"], results["sizes"], results["host_mib"]
        demands = {
            rule: GpuDemand(hardware["device"], demand["hours"], demand["memory_mib"], host["peak"] - host["before"])
            for rule, demand in results["rules"].items()
        }
    except FileNotFoundError as error:
        raise InputError(path.absolute(), "does not exist", remedy) from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(path, "is no complete output of check-gpu", remedy) from error
    if hardware["cuda"] is None or hardware["memory_mib"] is None or sizes != "full":
        raise InputError(path, "was not measured on a GPU at the sizes of a run", remedy)
    return demands
