"""The outcome of a fault: identical results, possibly after an error message, or a failure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from drill.running import ProcessResult

IDENTICAL, EXPLAINED, FAILED, NOT_TRIED = "identical", "clear error, then identical", "FAILED", "not tried"
_TRACE = "Traceback (most recent call last)"
_PACKAGE_ERROR = re.compile(r"(?:^|\s)(?:\d\d:\d\d:\d\d )?ERROR (?!Rule)(.+)")
_MESSAGE = re.compile(r"\S+.*: .+\. .+\.")
"""Last line of failed commands that are not jobs: where, what is wrong, what to do."""
_SYSTEM_ERRORS = (
    "Directory cannot be locked", "No space left on device", "Read-only file system", "Permission denied",
)  # fmt: skip
_HEADING = "WorkflowError"


@dataclass
class Outcome:
    """One fault and its outcome.

    Attributes:
        kind: group of faults.
        fault: name of the fault.
        output_line: the line of the workflow's output that explains the error.
        error_reported: whether the workflow reported an error before the results were complete.
        jobs_again: number of jobs that ran after the fault.
        wrong: problems found; empty if none.
        seconds: total time.
        skip_reason: the reason why the fault could not be tried here; empty if it was tried.
    """

    kind: str
    fault: str
    output_line: str = ""
    error_reported: bool = False
    jobs_again: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    skip_reason: str = ""

    @property
    def verdict(self) -> str:
        if self.skip_reason:
            return NOT_TRIED
        return FAILED if self.wrong else EXPLAINED if self.error_reported else IDENTICAL


def message(result: ProcessResult) -> str:
    """Return the line of a failed run that explains its error; empty if no line does."""
    for line in result.text.splitlines():
        if match := _PACKAGE_ERROR.search(line):
            return match[1].strip()
    lines = [line for line in result.text.splitlines() if line.strip()]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(_HEADING):  # the next line has the error
            return following.strip()
        if any(text in line for text in _SYSTEM_ERRORS) and not line.startswith(("Traceback", "  ")):
            return line.strip()
    last = next((line for line in reversed(result.text.splitlines()) if line.strip()), "")
    explained = _MESSAGE.fullmatch(last.strip()) and _TRACE not in result.text and "no reason given" not in last
    return last.strip() if explained else ""


def unclear(result: ProcessResult) -> str:
    """Describe the output of a failed run that does not explain its error; empty if it does or if it succeeded."""
    if result.code == 0 or message(result):
        return ""
    last = next((line for line in reversed(result.text.splitlines()) if line.strip()), "nothing")
    kind = "only a traceback" if _TRACE in result.text else "no explanation"
    return f"a run failed with {kind}: {last.strip()[:120]}"


def jobs_run(runs: Sequence[ProcessResult]) -> int:
    """Return the number of finished jobs."""
    return sum(len(re.findall(r"^Finished jobid: ", result.text, re.MULTILINE)) for result in runs)
