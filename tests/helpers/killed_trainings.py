"""Program: one training without interruption, one killed repeatedly, one terminated. Each session is a process.

`python killed_trainings.py FOLDER SEED` prints as JSON how each session ended: the negative signal number, or the exit
code.
"""

import json
import os
import random
import signal
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import lightning_fabric  # noqa: F401  # imported before the forks, which all need it
import torch._dynamo  # noqa: F401

from helpers.small_trainings import SCHEDULE, cpu, fit

KILLS = 10
MAX_STEPS, LEAD, MAX_PAUSE_S = 6, 5, 0.02
LONG = replace(SCHEDULE, steps=KILLS * (MAX_STEPS + LEAD), checkpoint_every=3)


def session(folder: Path, before_step: Callable[[int], object]) -> None:
    """One session of a training, in a forked process; it does not return."""
    code = 1
    try:
        fit(folder, cpu(), schedule=LONG, before_step=before_step)
        code = 0
    except SystemExit as stopped:
        code = int(str(stopped.code))
    finally:
        os._exit(code)


def run(folder: Path, *, steps: int, lead: int, pause: float, number: int) -> int:
    """Run a session and send it signal `number`, `pause` seconds after the start of step `steps`.

    The session can take at most `lead` more steps, so that it does not end before the signal.

    Returns:
        The negative signal number, or the exit code.
    """
    started, start = os.pipe()
    allowed, allow = os.pipe()
    os.write(allow, b"." * (steps + lead))
    child = os.fork()
    if child == 0:
        session(folder, lambda step: os.read(allowed, 1) and os.write(start, b"."))
    os.close(start)
    for _ in range(steps):
        os.read(started, 1)
    time.sleep(pause)
    os.kill(child, number)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    for descriptor in (started, allowed, allow):
        os.close(descriptor)
    return code


def main(folder: Path, seed: int) -> None:
    moments = random.Random(seed)
    undisturbed = {"steps": 0, "lead": LONG.steps, "pause": 0, "number": 0}
    ended: dict[str, list[int]] = {"killed": [], "asked": []}
    for _ in range(KILLS):
        steps, pause = moments.randrange(MAX_STEPS), moments.uniform(0, MAX_PAUSE_S)
        ended["killed"].append(run(folder / "killed", steps=steps, lead=LEAD, pause=pause, number=signal.SIGKILL))
    ended["asked"].append(run(folder / "asked", steps=20, lead=LONG.steps, pause=0, number=signal.SIGTERM))
    for name in ("alone", "killed", "asked"):
        ended.setdefault(name, []).append(run(folder / name, **undisturbed))
    print(json.dumps(ended))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
