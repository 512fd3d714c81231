"""A workflow that is running: its processes, what it says, and the moments at which a fault strikes."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

LONGEST_S = 1800.0
_POLL_S = 0.02


class MissedMomentError(Exception):
    """What a fault was waiting for was over before the fault came."""


@dataclass(frozen=True)
class ProcessResult:
    """A run that has ended.

    Attributes:
        code: its exit code, minus the signal that ended it.
        text: what it said.
    """

    code: int
    text: str


class Running:
    """A program and all that it starts, in a session of their own."""

    def __init__(self, arguments: Sequence[str], folder: Path, log: Path, environment: dict[str, str]) -> None:
        """Start it.

        Args:
            arguments: the program and its arguments.
            folder: to start it in.
            log: file that takes what it says.
            environment: its variables.
        """
        self._log = log
        with log.open("wb") as out:
            self._popen = subprocess.Popen(
                arguments,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_heed_ctrl_c,
            )
        self.pid = self._popen.pid

    def processes(self) -> list[psutil.Process]:
        """All living processes of the session, those whose parents are gone too."""
        return [process for process in psutil.process_iter() if _session(process) == self.pid and _lives(process)]

    def jobs(self, rule: str = "") -> list[psutil.Process]:
        """The scripts that run now, of one rule or of all."""
        return [process for process in self.processes() if _is_job(process, rule)]

    def wait_for_job(self, rule: str) -> psutil.Process:
        """The first script of a rule, when it has begun."""
        return self.wait_until(lambda: next(iter(self.jobs(rule)), None), f"a job of {rule}")

    def wait_until(self, found: Callable[[], object], what: str):
        """What `found` returns, as soon as it is true.

        Raises:
            MissedMomentError: the program ended before.
        """
        began = time.monotonic()
        while not (it := found()):
            if self._popen.poll() is not None or time.monotonic() - began > LONGEST_S:
                raise MissedMomentError(f"{what} never came")
            time.sleep(_POLL_S)
        return it

    def pause(self, seconds: float) -> None:
        """Let it run on, at most to its end."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._popen.poll() is None:
            time.sleep(_POLL_S)

    @property
    def ended(self) -> bool:
        return self._popen.poll() is not None

    def signal(self, number: signal.Signals, *, all_of_it: bool) -> None:
        """Send a signal to the program, or to its process group, as a terminal or a batch system would.

        Raises:
            MissedMomentError: it has ended.
        """
        if self.ended:
            raise MissedMomentError("the workflow had ended")
        (os.killpg if all_of_it else os.kill)(self.pid, number)

    def wait(self) -> ProcessResult:
        """Its end, and the end of all that it started."""
        code = self._popen.wait(LONGEST_S)
        for process in self.processes():
            psutil.wait_procs([process], timeout=LONGEST_S)
        return ProcessResult(code, self._log.read_text("utf-8", "replace"))

    def wait_alone(self) -> ProcessResult:
        """The end of the program alone."""
        return ProcessResult(self._popen.wait(LONGEST_S), self._log.read_text("utf-8", "replace"))

    def end(self) -> None:
        """Leave none of its processes behind."""
        for process in self.processes():
            process.kill()
        self._popen.wait()


def _heed_ctrl_c() -> None:
    """In the child: a shell starts what runs in its background deaf to SIGINT, and so would be all that it starts."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _lives(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_job(process: psutil.Process, rule: str) -> bool:
    try:
        line = process.cmdline()
    except psutil.Error:
        return False
    # Snakemake copies a script to <folder>/tmpXXXX.<script>; the shell that starts it has all in one argument.
    script = line[1] if len(line) > 1 else ""
    return "/scripts/tmp" in script and (not rule or script.endswith(f".{rule}.py"))
