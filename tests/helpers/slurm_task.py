"""Program: start two CPU processes in a Slurm job of one task and gather their ranks. `python slurm_task.py FILE`."""

import json
import sys
from pathlib import Path

from hemabalance.training.device import start

if __name__ == "__main__":
    runtime = start(device="cpu", precision="32", devices=2, seed=3, threads=1)
    ranks = runtime.gather(runtime.rank)
    if runtime.rank == 0:
        Path(sys.argv[1]).write_text(json.dumps({"world_size": runtime.world_size, "met": ranks}))
