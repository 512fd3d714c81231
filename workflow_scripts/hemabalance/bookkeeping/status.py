"""Where each rule's files stand: here, in DVC, stale or nowhere."""

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
        counts: state -> files.
        why: the first reason why one of its files is stale; empty for none.
    """

    rule: str
    counts: Mapping[str, int]
    why: str


def stages(outputs: Sequence[Output]) -> list[RuleStatus]:
    """Count the files of each rule by state, rules in the order in which Snakemake tells them.

    A file is stale if Snakemake has something against it or a file of the same job, or if that or a lack is so for
    anything that it is made from: what DVC has is no lack.

    Raises:
        InputError: a `.dvc` file is damaged.
    """
    known = _OutputStates(outputs)
    found = []
    for rule in dict.fromkeys(output.rule for output in outputs):
        mine = [output for output in outputs if output.rule == rule]
        states = [known.state(output) for output in mine]
        why = next((known.why(one.path) for one, state in zip(mine, states, strict=True) if state == STALE), "")
        found.append(RuleStatus(rule, Counter(states), why))
    return found


class _OutputStates:
    """What is against each output, found once."""

    def __init__(self, outputs: Sequence[Output]) -> None:
        self._outputs = {output.path: output for output in outputs}
        self._jobs = {output.job: output.changed for output in outputs if output.job and output.changed}
        self._why: dict[str, str] = {}

    def state(self, output: Output) -> str:
        if not output.there and not dvc_file(output.path).is_file():
            return MISSING
        if self.why(output.path):
            return STALE
        return HERE if output.there else IN_DVC

    def why(self, path: str) -> str:
        """Why a file is not what it should be; empty if it is."""
        if path not in self._why:
            output = self._outputs.get(path)
            self._why[path] = "" if output is None else self._found(output)
        return self._why[path]

    def _found(self, output: Output) -> str:
        against = output.changed or self._jobs.get(output.job, "")
        if against:
            return against
        inputs = output.inputs
        if not output.there:
            if not dvc_file(output.path).is_file():
                return "missing"
            seal = read_versioned(dvc_file(output.path)).seal
            inputs = tuple(seal.inputs) if seal else ()
        bad = next((name for name in inputs if self.why(name)), None)
        return f"made from {bad}, which will be made again" if bad else ""
