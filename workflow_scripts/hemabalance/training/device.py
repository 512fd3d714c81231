"""Device, precision and processes of a training, through Lightning Fabric. A missing device is an error."""

import hashlib
import random
import sys
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, cast, overload

import numpy as np
import torch
from torch import Tensor, distributed, nn
from torch.optim import Optimizer

from hemabalance.errors import InputError
from hemabalance.torchvision_compat import make_torchvision_importable
from hemabalance.training.monitor import Monitor

if TYPE_CHECKING:
    from lightning_fabric import Fabric

PRECISIONS: dict[str, Any] = {"32": "32-true", "bf16": "bf16-mixed"}


@dataclass(frozen=True)
class Runtime:
    """One process of a training."""

    open_fabric: Callable[[], "Fabric"] = field(repr=False)
    """Creates Fabric at the first call: its import takes seconds, and inference does not need it."""
    device: torch.device
    rank: int
    world_size: int
    seed: int
    precision: str
    monitor: Monitor = field(repr=False)
    process_group: Any = field(repr=False)
    """The process group (gloo) for values in CPU memory; None with one process."""

    @property
    def fabric(self) -> "Fabric":
        """Lightning Fabric, which distributes a training over devices."""
        return self.open_fabric()

    @overload
    def setup(self, module: nn.Module) -> nn.Module: ...
    @overload
    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]: ...
    def setup(self, module: nn.Module, optimizer: Optimizer | None = None) -> Any:
        """Move a network to the device, add autocast to its forward, and average gradients over several devices (DDP).

        An optimiser over several networks needs no set-up: create it from their parameters after their set-up.
        """
        return self.fabric.setup_module(module) if optimizer is None else self.fabric.setup(module, optimizer)

    @property
    def step(self) -> int:
        """The current step of `train`, from 1; also correct after a resume, unlike a counter in the trainable."""
        return self.monitor.step

    def autocast(self) -> AbstractContextManager[Any]:
        """Autocast to the chosen precision, for computations outside the forward of a network from `setup`."""
        context: AbstractContextManager[Any] = self.fabric.autocast()
        return context

    def generator(self, name: str) -> torch.Generator:
        """A generator on the device, seeded with seed, rank and name; it belongs into `Trainable.generators`."""
        digest = hashlib.sha256(f"{self.seed}/{self.rank}/{name}".encode()).digest()
        return torch.Generator(self.device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    def minimise(self, loss: Tensor, optimizer: Optimizer, modules: Sequence[nn.Module], name: str) -> Tensor:
        """One optimiser step that minimises a loss.

        Args:
            loss: 0-dim, with a graph.
            optimizer: of the parameters of `modules`; their earlier gradients are cleared.
            modules: the networks whose gradient norm is monitored.
            name: of the loss, for the message if it or its gradient is not finite.

        Returns:
            The L2 norm of the gradient over all modules, detached, 0-dim.

        Raises:
            TrainingDiverged: on the CPU at once, before the weights change; on a GPU at the next log interval.
        """
        self.monitor.watch(f"loss {name}", loss.detach())
        optimizer.zero_grad(set_to_none=True)
        self.fabric.backward(loss)
        gradients = [p.grad for module in modules for p in module.parameters() if p.grad is not None]
        norm = nn.utils.get_total_norm(gradients)
        self.monitor.watch(f"gradient of {name}", norm)
        optimizer.step()
        return norm

    def any(self, flag: bool) -> bool:
        """Whether the flag is true in any process; all processes must call this."""
        if self.world_size == 1:
            return flag
        flags = torch.tensor(float(flag))
        distributed.all_reduce(flags, group=self.process_group)
        return bool(flags > 0)

    def gather(self, value: Any) -> list[Any]:
        """The values of all processes in the order of ranks; an empty list on all ranks but 0. For small values."""
        if self.world_size == 1:
            return [value]
        gathered: list[Any] | None = [None] * self.world_size if self.rank == 0 else None
        distributed.gather_object(value, gathered, dst=0, group=self.process_group)
        return gathered or []

    def broadcast(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors, on the device or the CPU, with those of rank 0; all processes must call this."""
        if self.world_size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0, group=self.process_group if tensor.device.type == "cpu" else None)


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside the wrapper that `Runtime.setup` returned; any other module unchanged."""
    fabric = sys.modules.get("lightning_fabric")  # not imported: nothing can be wrapped by it
    inner: nn.Module = module.module if fabric and fabric.is_wrapped(module) else module  # type: ignore[assignment]
    return inner


def start(*, device: str, precision: Literal["32", "bf16"] | str, devices: int, seed: int, threads: int) -> Runtime:
    """Initialise the device and seed all global random number generators; call once, early.

    With several devices the program is started again for each further device, and the processes are connected here:
    the code after this call runs in all of them, and only rank 0 may write files.

    Args:
        device: "cpu" or "cuda".
        precision: "32", or "bf16" for autocast to bfloat16 with float32 weights.
        devices: number of processes, each with its own GPU (on the CPU they share it).
        seed: the same in all processes, so that networks start alike; samplers and generators also use the rank.
        threads: CPU threads of one process.

    Raises:
        InputError: the device, the number of devices or the precision is not available.
    """
    _check_available(device, precision, devices)
    open_fabric = cache(lambda: _fabric(device, precision, devices))
    torch_device, rank, world_size = torch.device(*((device, 0) if device == "cuda" else (device,))), 0, 1
    if devices > 1:
        torch_device, rank, world_size = open_fabric().device, open_fabric().global_rank, open_fabric().world_size
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    eager = device == "cpu" and world_size == 1
    monitor = Monitor(eager=eager, mean=lambda values: cast(Tensor, open_fabric().all_reduce(values)))
    process_group = distributed.new_group(backend="gloo") if world_size > 1 else None
    return Runtime(open_fabric, torch_device, rank, world_size, seed, precision, monitor, process_group)


def _fabric(device: str, precision: str, devices: int) -> "Fabric":
    make_torchvision_importable()
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    # Fabric would take its processes from Slurm: here one job is one process, which starts the others.
    plugins: list[Any] = [] if TorchElasticEnvironment.detect() else [LightningEnvironment()]
    strategy = "ddp" if devices > 1 else "auto"
    fabric = Fabric(
        accelerator=device, devices=devices, strategy=strategy, precision=PRECISIONS[precision], plugins=plugins
    )
    fabric.launch()
    return fabric


def _check_available(device: str, precision: str, devices: int) -> None:
    if device not in ("cpu", "cuda"):
        raise InputError("config key device", f'is "{device}"', "Choose cpu or cuda")
    if precision not in PRECISIONS:
        raise InputError("config key precision", f'is "{precision}"', 'Choose "32" or "bf16"')
    if devices < 1:
        raise InputError("config key devices", f"is {devices}", "Set it to 1 or more")
    if device == "cpu":
        return
    if not torch.cuda.is_available():
        cpu_build = torch.version.cuda is None
        problem = "this build of PyTorch is for the CPU only" if cpu_build else "PyTorch finds no GPU on this machine"
        raise InputError("config key device", f'is "cuda", but {problem}', "Set it to cpu, or run on a GPU machine")
    if devices > (available := torch.cuda.device_count()):
        problem = f"is {devices}, but this machine has {available} GPUs"
        raise InputError("config key devices", problem, f"Set it to at most {available}")
    if precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise InputError("config key precision", "is bf16, which this GPU does not support", 'Set it to "32"')
