"""A running workflow: its processes, its output, and waiting for the moment of a fault."""

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
    """The moment for a fault was over before the fault."""


@dataclass(frozen=True)
class ProcessResult:
    """Result of a finished process.

    Attributes:
        code: exit code; negative signal number if a signal ended the process.
        text: output.
    """

    code: int
    text: str


class Running:
    """A program and its descendants, in a session of their own."""

    def __init__(self, arguments: Sequence[str], folder: Path, log: Path, environment: dict[str, str]) -> None:
        """Start the program.

        Args:
            arguments: program and arguments.
            folder: working directory.
            log: file for the output.
            environment: environment variables.
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
                preexec_fn=_restore_sigint,
            )
        self.pid = self._popen.pid

    def processes(self) -> list[psutil.Process]:
        """Return all living processes of the session, including orphans."""
        return [process for process in psutil.process_iter() if _session(process) == self.pid and _is_alive(process)]

    def jobs(self, rule: str = "") -> list[psutil.Process]:
        """Return the running scripts of one rule, or of all rules."""
        return [process for process in self.processes() if _is_job(process, rule)]

    def wait_for_job(self, rule: str) -> psutil.Process:
        """Wait for the first script of a rule and return its process."""
        return self.wait_until(lambda: next(iter(self.jobs(rule)), None), f"a job of {rule}")

    def wait_until(self, condition: Callable[[], object], what: str):
        """Poll `condition` until it is true; return its value.

        Raises:
            MissedMomentError: the program ended before.
        """
        start = time.monotonic()
        while not (value := condition()):
            if self._popen.poll() is not None or time.monotonic() - start > LONGEST_S:
                raise MissedMomentError(f"{what} did not appear")
            time.sleep(_POLL_S)
        return value

    def pause(self, seconds: float) -> None:
        """Wait, at most until the program ends."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and self._popen.poll() is None:
            time.sleep(_POLL_S)

    @property
    def ended(self) -> bool:
        return self._popen.poll() is not None

    def signal(self, number: signal.Signals, *, all_of_it: bool) -> None:
        """Send a signal to the program, or to its process group as a terminal or a batch system does.

        Raises:
            MissedMomentError: the program has ended.
        """
        if self.ended:
            raise MissedMomentError("the workflow had ended")
        (os.killpg if all_of_it else os.kill)(self.pid, number)

    def wait(self) -> ProcessResult:
        """Wait for the program and its descendants to end; return the result."""
        code = self._popen.wait(LONGEST_S)
        for process in self.processes():
            psutil.wait_procs([process], timeout=LONGEST_S)
        return ProcessResult(code, self._log.read_text("utf-8", "replace"))

    def wait_alone(self) -> ProcessResult:
        """Wait for the program alone to end; return the result."""
        return ProcessResult(self._popen.wait(LONGEST_S), self._log.read_text("utf-8", "replace"))

    def kill_all(self) -> None:
        """Kill all processes of the session."""
        for process in self.processes():
            process.kill()
        self._popen.wait()


def _restore_sigint() -> None:
    """Restore SIGINT in the child: background processes of a shell ignore it, and their children inherit this."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def _session(process: psutil.Process) -> int | None:
    try:
        return os.getsid(process.pid)
    except OSError:
        return None


def _is_alive(process: psutil.Process) -> bool:
    try:
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _is_job(process: psutil.Process, rule: str) -> bool:
    try:
        line = process.cmdline()
    except psutil.Error:
        return False
    # Snakemake copies a script to <folder>/tmpXXXX.<script>; the shell that starts it has one long argument instead.
    script = line[1] if len(line) > 1 else ""
    return "/scripts/tmp" in script and (not rule or script.endswith(f".{rule}.py"))
