"""What became of a fault: the same results, after what, or a failure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from drill.running import ProcessResult

IDENTICAL, TOLD, FAILED, NOT_TRIED = "identical", "clear error, then identical", "FAILED", "not tried"
_TRACE = "Traceback (most recent call last)"
_OURS = re.compile(r"(?:^|\s)(?:\d\d:\d\d:\d\d )?ERROR (?!Rule)(.+)")
_SENTENCES = re.compile(r"\S+.*: .+\. .+\.")
"""As commands end that are not jobs: where, what is wrong, what to do."""
_THEIRS = (
    "Directory cannot be locked", "No space left on device", "Read-only file system", "Permission denied",
)  # fmt: skip
_HEADING = "WorkflowError"


@dataclass
class Outcome:
    """One fault, and what was seen.

    Attributes:
        kind: group of faults.
        fault: what was done, and where to.
        said: what the workflow said to it, one line.
        error_reported: whether a person had to be told something before the results came right.
        again: jobs that ran after the fault.
        wrong: what is not as it should be; empty if nothing.
        seconds: all of it took.
        why_not: the reason why it could not be tried here; empty if it was.
    """

    kind: str
    fault: str
    said: str = ""
    error_reported: bool = False
    again: int = 0
    wrong: list[str] = field(default_factory=list)
    seconds: float = 0.0
    why_not: str = ""

    @property
    def verdict(self) -> str:
        if self.why_not:
            return NOT_TRIED
        return FAILED if self.wrong else TOLD if self.error_reported else IDENTICAL


def message(said: ProcessResult) -> str:
    """The sentence in which a run says why it failed; empty if it gave none that a person could use."""
    for line in said.text.splitlines():
        if found := _OURS.search(line):
            return found[1].strip()
    lines = [line for line in said.text.splitlines() if line.strip()]
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        if line.startswith(_HEADING):  # what is wrong stands below it
            return following.strip()
        if any(words in line for words in _THEIRS) and not line.startswith(("Traceback", "  ")):
            return line.strip()
    last = next((line for line in reversed(said.text.splitlines()) if line.strip()), "")
    spoken = _SENTENCES.fullmatch(last.strip()) and _TRACE not in said.text and "no reason given" not in last
    return last.strip() if spoken else ""


def unclear(said: ProcessResult) -> str:
    """Why what a failed run said is of no use to a person; empty if it is."""
    if said.code == 0 or message(said):
        return ""
    last = next((line for line in reversed(said.text.splitlines()) if line.strip()), "nothing")
    kind = "a traceback alone" if _TRACE in said.text else "no reason"
    return f"a run failed and gave {kind}: {last.strip()[:120]}"


def jobs_run(runs: Sequence[ProcessResult]) -> int:
    """How many jobs finished."""
    return sum(len(re.findall(r"^Finished jobid: ", said.text, re.MULTILINE)) for said in runs)
