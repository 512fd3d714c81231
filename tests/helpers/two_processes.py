"""Program: trainings on two CPU processes that Fabric starts. `python two_processes.py FOLDER`.

Each rank writes its observations to `FOLDER/rank<n>.json`.
"""

import json
import math
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from torch import Tensor

from helpers.small_trainings import SCHEDULE, LinearTraining, PowerCut, TinyGan, cut_at, fit, run_training, terminate_at
from hemabalance.training.checkpoint import weights
from hemabalance.training.device import Runtime, start
from hemabalance.training.monitor import TrainingDiverged

SHORT = replace(SCHEDULE, steps=14, checkpoint_every=5)


def digest(trainable: TinyGan) -> str:
    tensors = weights(trainable)
    return sha256(b"".join(tensors[name].numpy().tobytes() for name in sorted(tensors))).hexdigest()


def run_until_end(folder: Path, runtime: Runtime, before_step: Callable[[int], object]) -> str:
    """Train with `before_step`; return how the training ended."""
    try:
        fit(folder, runtime, schedule=SHORT, before_step=before_step)
    except PowerCut:
        return "power cut"
    except SystemExit as stopped:
        return str(stopped.code)
    return "done"


def record_written_files(folder: Path) -> set[str]:
    """A set to which the name of each file is added that this process opens for writing below `folder`."""
    names: set[str] = set()

    def record_open(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open" and isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR):
            path = Path(os.fsdecode(arguments[0])) if isinstance(arguments[0], str | bytes) else Path()
            if path.is_relative_to(folder):
                names.add(path.name)

    sys.addaudithook(record_open)
    return names


def main(folder: Path) -> None:
    written = record_written_files(folder)
    runtime = start(device="cpu", precision="32", devices=2, seed=3, threads=1)

    def spoil_one_loss(step: int, output: Tensor) -> Tensor:
        return output * (math.nan if step == 8 and runtime.rank == 1 else 1.0)

    report: dict[str, object] = {"rank": runtime.rank, "world_size": runtime.world_size}
    report["drew"] = TinyGan(runtime).samplers["a"].next_batch().tolist()
    report["pose"] = TinyGan(runtime).generators["poses"].initial_seed()
    trainable = TinyGan(runtime)
    fit(folder / "alone", runtime, schedule=SHORT, trainable=trainable)
    report["weights"] = digest(trainable)
    for name, action in (("cut", cut_at(9)), ("asked", terminate_at(7 if runtime.rank == 1 else 0))):
        report[name] = [run_until_end(folder / name, runtime, before) for before in (action, lambda step: None)]
    try:
        run_training(folder / "spoilt", LinearTraining(runtime, spoil_one_loss), runtime, SHORT)
    except TrainingDiverged as error:
        report["spoilt"] = str(error)
    report["wrote"] = sorted(written)
    (folder / f"rank{runtime.rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
