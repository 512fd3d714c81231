"""The inputs that all trainings have in common: images with their classes, and a job with runtime, files and seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.training.data_checks import Images
from hemabalance.training.device import Runtime
from hemabalance.training.loop import TrainingResult

__all__ = ["FitJob", "Images"]


@dataclass(frozen=True)
class FitJob:
    """Runtime, files and seed of one fit.

    Attributes:
        runtime: device, precision, ranks.
        state: folder for checkpoints; the caller removes it on success.
        history: file of losses to write, JSON lines; empty where nothing is trained.
        threads: CPU threads.
        seed: of all random numbers.
    """

    runtime: Runtime
    state: Path
    history: Path
    threads: int
    seed: int

    def summary(self, result: TrainingResult) -> dict[str, Any]:
        """JSON values that summarise a fit: `steps, seconds` (over all sessions)`, device, precision`."""
        cost = {"steps": result.steps, "seconds": round(result.seconds, 1)}
        return cost | {"device": self.runtime.device.type, "precision": self.runtime.precision}
