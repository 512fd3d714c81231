"""Where each rule's files stand: here, in DVC, stale or nowhere."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hemabalance.versioning.seals import dvc_file
from hemabalance.versioning.summary import Output

HERE, IN_DVC, STALE, MISSING = STATES = ("up to date", "only in DVC", "stale", "missing")


@dataclass(frozen=True)
class Stage:
    """One rule.

    Attributes:
        rule: its name.
        counts: state -> files.
        why: the first reason why one of its files is stale; empty for none.
    """

    rule: str
    counts: Mapping[str, int]
    why: str


def stages(outputs: Sequence[Output]) -> list[Stage]:
    """Count the files of each rule by state, in the order in which rules run last to first as Snakemake tells them."""
    found = []
    for rule in dict.fromkeys(output.rule for output in outputs):
        mine = [output for output in outputs if output.rule == rule]
        states = [_state(output) for output in mine]
        why = next((one.why for one, state in zip(mine, states, strict=True) if state == STALE), "")
        found.append(Stage(rule, Counter(states), why))
    return found


def _state(output: Output) -> str:
    if not output.there:
        return IN_DVC if dvc_file(output.path).is_file() else MISSING
    return STALE if output.why else HERE
