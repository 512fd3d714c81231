"""Where a training runs: device, precision and processes through Lightning Fabric, nothing guessed."""

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
    """Fabric, open_fabric when first asked for: to import it takes seconds, and what only predicts does without."""
    device: torch.device
    rank: int
    world_size: int
    seed: int
    precision: str
    monitor: Monitor = field(repr=False)
    process_group: Any = field(repr=False)
    """The process group for what is not on the device (gloo); None with one process."""

    @property
    def fabric(self) -> "Fabric":
        """What spreads a training over devices."""
        return self.open_fabric()

    @overload
    def setup(self, module: nn.Module) -> nn.Module: ...
    @overload
    def setup(self, module: nn.Module, optimizer: Optimizer) -> tuple[nn.Module, Optimizer]: ...
    def setup(self, module: nn.Module, optimizer: Optimizer | None = None) -> Any:
        """Move a network to the device; its forward then autocasts, and with several devices averages gradients (DDP).

        An optimiser over several networks needs no set-up: make it of their parameters after theirs.
        """
        return self.fabric.setup_module(module) if optimizer is None else self.fabric.setup(module, optimizer)

    @property
    def step(self) -> int:
        """The step that `train` is taking, from 1; right after a resume too, unlike a count of the trainable's own."""
        return self.monitor.step

    def autocast(self) -> AbstractContextManager[Any]:
        """The chosen precision for what is computed outside of a set-up network's forward."""
        context: AbstractContextManager[Any] = self.fabric.autocast()
        return context

    def generator(self, name: str) -> torch.Generator:
        """A generator on the device, seeded from the seed, its name and the rank: put it into `Trainable.generators`."""
        digest = hashlib.sha256(f"{self.seed}/{self.rank}/{name}".encode()).digest()
        return torch.Generator(self.device).manual_seed(int.from_bytes(digest[:8], "little") >> 1)

    def minimise(self, loss: Tensor, optimizer: Optimizer, modules: Sequence[nn.Module], name: str) -> Tensor:
        """One optimiser step down a loss.

        Args:
            loss: 0-dim, with a graph.
            optimizer: of the parameters of `modules`; their old gradients are dropped.
            modules: whose gradient norm is watched.
            name: for the message should the loss or its gradient not be finite.

        Returns:
            The L2 norm of the gradient over all modules, detached, 0-dim.

        Raises:
            TrainingDiverged: on the CPU at once, before the weights are touched; on a GPU at the next log interval.
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
        """Whether the flag is up in any process; all must call it alike."""
        if self.world_size == 1:
            return flag
        shared = torch.tensor(float(flag))
        distributed.all_reduce(shared, group=self.process_group)
        return bool(shared > 0)

    def gather(self, value: Any) -> list[Any]:
        """A small value of every process, by rank; an empty list everywhere but on rank 0."""
        if self.world_size == 1:
            return [value]
        gathered: list[Any] | None = [None] * self.world_size if self.rank == 0 else None
        distributed.gather_object(value, gathered, dst=0, group=self.process_group)
        return gathered or []

    def share(self, tensors: Iterable[Tensor]) -> None:
        """Overwrite tensors, on the device or the CPU, with those of rank 0; all must call it alike."""
        if self.world_size > 1:
            for tensor in tensors:
                distributed.broadcast(tensor, src=0, group=self.process_group if tensor.device.type == "cpu" else None)


def unwrapped(module: nn.Module) -> nn.Module:
    """The network inside what `Runtime.setup` returned; any other module as it is."""
    fabric = sys.modules.get("lightning_fabric")  # where nobody has imported it, it has wrapped nothing
    inner: nn.Module = module.module if fabric and fabric.is_wrapped(module) else module  # type: ignore[assignment]
    return inner


def start(*, device: str, precision: Literal["32", "bf16"] | str, devices: int, seed: int, threads: int) -> Runtime:
    """Claim the device and seed every generator; call once, early.

    With several devices the whole program is started once more for each further one and meets the others here: what
    follows runs in all of them, and only rank 0 may write files.

    Args:
        device: "cpu" or "cuda".
        precision: "32", or "bf16" for autocast to bfloat16 with float32 weights.
        devices: processes, each with a card of its own (or, on the CPU, sharing it).
        seed: the same everywhere, so that networks start alike; samplers and generators take the rank besides.
        threads: CPU threads of one process.

    Raises:
        InputError: the device, or so many of them, or the precision is not to be had here.
    """
    _check(device, precision, devices)
    open_fabric = cache(lambda: _fabric(device, precision, devices))
    here, rank, world_size = torch.device(*((device, 0) if device == "cuda" else (device,))), 0, 1
    if devices > 1:
        here, rank, world_size = open_fabric().device, open_fabric().global_rank, open_fabric().world_size
    torch.set_num_threads(threads)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
    eager = device == "cpu" and world_size == 1
    monitor = Monitor(eager=eager, mean=lambda values: cast(Tensor, open_fabric().all_reduce(values)))
    process_group = distributed.new_group(backend="gloo") if world_size > 1 else None
    return Runtime(open_fabric, here, rank, world_size, seed, precision, monitor, process_group)


def _fabric(device: str, precision: str, devices: int) -> "Fabric":
    make_torchvision_importable()
    from lightning_fabric import Fabric
    from lightning_fabric.plugins.environments.lightning import LightningEnvironment
    from lightning_fabric.plugins.environments.torchelastic import TorchElasticEnvironment

    # Fabric would take its processes from Slurm's environment; here one job is one process that starts the others.
    plugins: list[Any] = [] if TorchElasticEnvironment.detect() else [LightningEnvironment()]
    strategy = "ddp" if devices > 1 else "auto"
    fabric = Fabric(
        accelerator=device, devices=devices, strategy=strategy, precision=PRECISIONS[precision], plugins=plugins
    )
    fabric.launch()
    return fabric


def _check(device: str, precision: str, devices: int) -> None:
    if device not in ("cpu", "cuda"):
        raise InputError("config key device", f'is "{device}"', "Choose cpu or cuda")
    if precision not in PRECISIONS:
        raise InputError("config key precision", f'is "{precision}"', 'Choose "32" or "bf16"')
    if devices < 1:
        raise InputError("config key devices", f"is {devices}", "Ask for one or more")
    if device == "cpu":
        return
    if not torch.cuda.is_available():
        why = "this build of PyTorch is for the CPU only" if torch.version.cuda is None else "PyTorch finds no GPU here"
        raise InputError("config key device", f'asks for "cuda", but {why}', "Set it to cpu, or run on a GPU machine")
    if devices > (there := torch.cuda.device_count()):
        raise InputError("config key devices", f"asks for {devices} GPUs of {there}", f"Set it to at most {there}")
    if precision == "bf16" and not torch.cuda.is_bf16_supported(including_emulation=False):
        raise InputError("config key precision", "asks for bf16, which this GPU does not know", 'Set it to "32"')
