"""Random numbers from the CPU for every device, so that one step can be compared between devices."""

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map


class CpuRandomness(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within the block every random operation runs on the CPU, and its result moves to the device.

    PyTorch's generators of the CPU and of CUDA give different numbers for one seed. Each generator is replaced by a
    CPU generator with its seed.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._generators: dict[int, tuple[torch.Generator, torch.Generator]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Run one operation."""
        kwargs = kwargs or {}
        if torch.Tag.nondeterministic_seeded not in func.tags:
            return func(*args, **kwargs)
        device = _device(args, kwargs)
        cpu_args, cpu_kwargs = tree_map(self._to_cpu, (args, kwargs))
        if cpu_kwargs.get("device") is not None:
            cpu_kwargs["device"] = torch.device("cpu")
        cpu_kwargs.pop("pin_memory", None)
        result = func(*cpu_args, **cpu_kwargs)
        if func._schema.is_mutable:
            args[0].copy_(result)
            return args[0]
        return tree_map(lambda value: value.to(device) if isinstance(value, Tensor) else value, result)

    def _to_cpu(self, value: Any) -> Any:
        if isinstance(value, Tensor):
            return value.detach().cpu().clone()
        if isinstance(value, torch.Generator):
            # The original is kept, so that no other generator can get its id.
            twin = torch.Generator().manual_seed(value.initial_seed())
            return self._generators.setdefault(id(value), (value, twin))[1]
        return value


def _device(args: Any, kwargs: Any) -> torch.device:
    """The device of the result: that of the first tensor, else the argument `device`."""
    first = next((value for value in args if isinstance(value, Tensor)), None)
    if first is not None:
        return first.device
    return torch.device(kwargs.get("device") or "cpu")
