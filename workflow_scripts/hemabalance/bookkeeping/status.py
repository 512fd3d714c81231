"""State of each rule's files: up to date, only in DVC, stale or missing."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hemabalance.bookkeeping.seals import dvc_file, read_versioned
from hemabalance.bookkeeping.summary import Output

HERE, IN_DVC, STALE, MISSING = STATES = ("up to date", "only in DVC", "stale", "missing")


@dataclass(frozen=True)
class RuleStatus:
    """One rule.

    Attributes:
        rule: its name.
        counts: state -> number of files.
        reason: why its first stale file is stale; empty if none is.
    """

    rule: str
    counts: Mapping[str, int]
    reason: str


def rule_statuses(outputs: Sequence[Output]) -> list[RuleStatus]:
    """Count the files of each rule by state; rules in the order of Snakemake's summary.

    A file is stale if Snakemake reports a reason for it or for another output of the same job, or if any of its inputs,
    directly or indirectly, is stale or missing. A file that is only in DVC does not count as missing.

    Raises:
        InputError: a `.dvc` file is damaged.
    """
    output_states = _OutputStates(outputs)
    statuses = []
    for rule in dict.fromkeys(output.rule for output in outputs):
        files = [output for output in outputs if output.rule == rule]
        states = [output_states.state(file) for file in files]
        stale = (file for file, state in zip(files, states, strict=True) if state == STALE)
        reason = next((output_states.reason(file.path) for file in stale), "")
        statuses.append(RuleStatus(rule, Counter(states), reason))
    return statuses


class _OutputStates:
    """States of outputs; the reason for each is computed once."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = {output.path: output for output in outputs}
        self._jobs = {output.job: output.stale_reason for output in outputs if output.job and output.stale_reason}
        self._reasons: dict[str, str] = {}

    def state(self, output: Output) -> str:
        if not output.exists and not dvc_file(output.path).is_file():
            return MISSING
        if self.reason(output.path):
            return STALE
        return HERE if output.exists else IN_DVC

    def reason(self, path: str) -> str:
        """Why a file is stale or missing; empty if it is not."""
        if path not in self._reasons:
            output = self._outputs.get(path)
            self._reasons[path] = "" if output is None else self._find_reason(output)
        return self._reasons[path]

    def _find_reason(self, output: Output) -> str:
        reason = output.stale_reason or self._jobs.get(output.job, "")
        if reason:
            return reason
        inputs = output.inputs
        if not output.exists:
            if not dvc_file(output.path).is_file():
                return "missing"
            seal = read_versioned(dvc_file(output.path)).seal
            inputs = tuple(seal.inputs) if seal else ()
        stale_input = next((name for name in inputs if self.reason(name)), None)
        return f"made from {stale_input}, which will be made again" if stale_input else ""
