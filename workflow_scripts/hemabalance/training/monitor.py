"""Monitoring of losses, gradients and weights: a value that is not finite ends the training before a checkpoint."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from hemabalance.errors import InputError


class TrainingDiverged(InputError):  # noqa: N818
    """A loss, gradient or weight is no longer finite."""


class Monitor:
    """Collects 0-dim values on their device, checks that they are finite, and averages losses for the history.

    On the CPU each value is checked at once, so that a non-finite gradient never reaches the weights. On a GPU, where
    a check waits for the device, and with several processes, which must stop together, values are kept until `drain`.

    Args:
        eager: check each value at once.
        mean: the mean of a tensor over all processes; every process must call `drain` at the same steps.
    """

    def __init__(self, *, eager: bool, mean: Callable[[Tensor], Tensor]) -> None:
        self._eager, self._mean = eager, mean
        self._pending: list[tuple[tuple[int, str, str | None], Tensor]] = []
        self.reset("training", step=0, sums={})

    def reset(self, what: str, *, step: int, sums: Mapping[str, tuple[float, int]]) -> None:
        """Start or resume a training named `what` after `step` steps; `sums` as `self.sums`."""
        self.what, self.step, self.checkpoint = what, step, (None, 0)
        self.sums = dict(sums)
        self._pending.clear()

    checkpoint: tuple[Path | None, int]
    """The last good checkpoint and its step, for the error message."""
    sums: dict[str, tuple[float, int]]
    """Sum and number of values of each loss since the last history line; pending values are not included."""

    def watch(self, what: str, value: Tensor) -> None:
        """Stop the training if a value is not finite.

        Args:
            what: name of the value for the message, for example "gradient of critic".
            value: detached, 0-dim.
        """
        self._add(what, None, value)

    def record(self, losses: Mapping[str, Tensor]) -> None:
        """Check the losses of a step, and add them to the means of the history; detached, 0-dim, by name."""
        for name, value in losses.items():
            self._add(f"loss {name}", name, value)

    def _add(self, what: str, loss: str | None, value: Tensor) -> None:
        if self._eager:
            self._check_finite([(self.step, what, loss)], [value.item()])
        else:
            self._pending.append(((self.step, what, loss), value))

    def drain(self) -> None:
        """Check all pending values.

        Raises:
            TrainingDiverged: with the first step that has a non-finite value, and all such values of that step.
        """
        if not self._pending:
            return
        names, values = zip(*self._pending, strict=True)
        self._pending.clear()
        device = values[0].device
        stacked = torch.stack([value.to(device, torch.float32) for value in values])
        self._check_finite(names, self._mean(stacked).tolist())

    def _check_finite(self, names: Sequence[tuple[int, str, str | None]], numbers: Sequence[float]) -> None:
        faults = [(step, f"the {what} is {n}") for (step, what, _), n in zip(names, numbers, strict=True) if n - n != 0]
        if faults:
            first_step = faults[0][0]
            self._stop(first_step, [fault for step, fault in faults if step == first_step])
        for (_, _, loss), number in zip(names, numbers, strict=True):
            if loss is not None:
                total, count = self.sums.get(loss, (0.0, 0))
                self.sums[loss] = (total + number, count + 1)

    def means(self) -> dict[str, float]:
        """The mean of each loss since the last call, rounded to 6 significant digits, by name."""
        self.drain()
        sums, self.sums = self.sums, {}
        return {name: float(f"{total / count:.6g}") for name, (total, count) in sorted(sums.items())}

    def check_weights(self, tensors: Mapping[str, Tensor]) -> None:
        """Check weights before they are saved.

        Raises:
            TrainingDiverged: a floating-point tensor has a value that is not finite.
        """
        floating = {name: value for name, value in tensors.items() if value.is_floating_point()}
        if floating:
            finite = torch.stack([torch.isfinite(value).all() for value in floating.values()]).tolist()
            invalid = [name for name, valid in zip(floating, finite, strict=True) if not valid]
            if invalid:
                self._stop(self.step, [f"the weights {name} are not finite" for name in invalid[:3]])

    def _stop(self, step: int, faults: list[str]) -> None:
        path, saved_step = self.checkpoint
        checkpoint = (
            f"the checkpoint of step {saved_step} is kept in {path}" if path else "no checkpoint was written yet"
        )
        remedy = f"Lower the learning rate, or set precision to 32 if it is bf16, and run again; {checkpoint}"
        raise TrainingDiverged(f"{self.what}, step {step}", ", ".join(dict.fromkeys(faults)), remedy)
