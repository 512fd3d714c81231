"""Losses and gradients under watch: a value that is not finite ends the training before it spoils a checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hemabalance.errors import InputError


class TrainingDiverged(InputError):  # noqa: N818
    """A loss, gradient or weight is no longer finite."""


class Monitor:
    """Collects 0-dim values on their device and looks at them when it costs nothing.

    On the CPU each value is looked at as it comes, so that a bad gradient never reaches the weights. On a GPU, where
    looking means waiting, and with several processes, where all must stop together, values wait until `drain`.

    Args:
        eager: look at once.
        mean: the mean of a tensor over all processes; every process must call `drain` at the same steps.
    """

    def __init__(self, *, eager: bool, mean: Callable[[Tensor], Tensor]) -> None:
        self._eager, self._mean = eager, mean
        self._waiting: list[tuple[tuple[int, str, str | None], Tensor]] = []
        self.reset("training", step=0, sums={})

    def reset(self, what: str, *, step: int, sums: Mapping[str, tuple[float, int]]) -> None:
        """Start, or take up, a training named `what` that has done so many steps; `sums` as `self.sums`."""
        self.what, self.step, self.checkpoint = what, step, (None, 0)
        self.sums = dict(sums)
        self._waiting.clear()

    checkpoint: tuple[Path | None, int]
    """The last good checkpoint and its step, for the message."""
    sums: dict[str, tuple[float, int]]
    """Sum and number of each loss since the last history line, of drained values."""

    def watch(self, what: str, value: Tensor) -> None:
        """Have a value stop the training if it is not finite.

        Args:
            what: for the message, as "gradient of critic".
            value: detached, 0-dim.
        """
        self._wait(what, None, value)

    def record(self, losses: Mapping[str, Tensor]) -> None:
        """Watch the losses of a step and average them into the history; detached, 0-dim, by name."""
        for name, value in losses.items():
            self._wait(f"loss {name}", name, value)

    def _wait(self, what: str, loss: str | None, value: Tensor) -> None:
        if self._eager:
            self._check_finite([(self.step, what, loss)], [value.item()])
        else:
            self._waiting.append(((self.step, what, loss), value))

    def drain(self) -> None:
        """Look at all values that wait.

        Raises:
            TrainingDiverged: names the first step with a value that is not finite, and all such values of it.
        """
        if not self._waiting:
            return
        entries, values = zip(*self._waiting, strict=True)
        self._waiting.clear()
        device = values[0].device
        together = torch.stack([value.to(device, torch.float32) for value in values])
        self._check_finite(entries, self._mean(together).tolist())

    def _check_finite(self, entries: Sequence[tuple[int, str, str | None]], numbers: Sequence[float]) -> None:
        bad = [(step, f"the {what} is {n}") for (step, what, _), n in zip(entries, numbers, strict=True) if n - n != 0]
        if bad:
            self._stop(bad[0][0], [fault for step, fault in bad if step == bad[0][0]])
        for (_, _, loss), number in zip(entries, numbers, strict=True):
            if loss is not None:
                total, count = self.sums.get(loss, (0.0, 0))
                self.sums[loss] = (total + number, count + 1)

    def means(self) -> dict[str, float]:
        """The mean of each loss since the last call, rounded to 6 significant digits, by name."""
        self.drain()
        sums, self.sums = self.sums, {}
        return {name: float(f"{total / count:.6g}") for name, (total, count) in sorted(sums.items())}

    def check_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Look at weights before they are saved.

        Raises:
            TrainingDiverged: a floating-point tensor has a value that is not finite.
        """
        floating = {name: value for name, value in tensors.items() if value.is_floating_point()}
        if floating:
            good = torch.stack([torch.isfinite(value).all() for value in floating.values()]).tolist()
            bad = [name for name, fine in zip(floating, good, strict=True) if not fine]
            if bad:
                self._stop(self.step, [f"the weights {name} are not finite" for name in bad[:3]])

    def _stop(self, step: int, faults: list[str]) -> None:
        path, saved = self.checkpoint
        kept = f"the checkpoint of step {saved} is kept in {path}" if path else "no checkpoint was written yet"
        remedy = f"Lower the learning rate, or set precision to 32 if it is bf16, and run again; {kept}"
        raise TrainingDiverged(f"{self.what}, step {step}", ", ".join(dict.fromkeys(faults)), remedy)
