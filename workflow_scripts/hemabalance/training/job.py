"""What every training is given: images with their classes, and how and where to run."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hemabalance.training.data_checks import Images
from hemabalance.training.device import Runtime
from hemabalance.training.loop import TrainingResult

__all__ = ["FitJob", "Images"]


@dataclass(frozen=True)
class FitJob:
    """How and where to fit.

    Attributes:
        runtime: device, precision, ranks.
        state: folder for checkpoints; the caller removes it on success.
        history: file of losses to leave behind, JSON lines; empty where nothing is trained.
        threads: for work on the processor.
        seed: of everything that is drawn.
    """

    runtime: Runtime
    state: Path
    history: Path
    threads: int
    seed: int

    def summary(self, trained: TrainingResult) -> dict[str, Any]:
        """JSON values about how a fit went: `steps, seconds` (over all sessions)`, device, precision`."""
        took = {"steps": trained.steps, "seconds": round(trained.seconds, 1)}
        return took | {"device": self.runtime.device.type, "precision": self.runtime.precision}
