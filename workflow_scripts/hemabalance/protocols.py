"""The protocols of a run: how images are divided into training, validation and test sets.

A protocol is a folder of the run. Two are listed in config; the others follow from its sections `scarcity` and
`across`.
"""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field

Rules = Literal["leak_free", "thesis"]
"""leak_free: copies of a photograph stay in one part, and the test set is split off first; thesis: the split comes
after balancing (thesis §4.4)."""

PROTOCOLS: tuple[Rules, ...] = get_args(Rules)

_SCARCE = r"scarce-([1-9][0-9]*)-([1-9][0-9]*)"
_ACROSS = r"across-(.+)"

Protocol = Annotated[str, Field(pattern=f"^({'|'.join(PROTOCOLS)}|{_SCARCE}|{_ACROSS})$")]
"""`leak_free`, `thesis`, `scarce-<n>-<draw>`: the leak-free split with all but n training images of the scarce classes
withheld from everything; the number of the draw of these images counts from 1; or `across-<source>`: the leak-free
split of this source, while no training sees a label of another source."""


def scarce_protocol(n: int, draw: int) -> Protocol:
    """Name of the protocol with n training images of each scarce class, in draw `draw`, both from 1."""
    return f"scarce-{n}-{draw}"


def scarce_numbers(protocol: Protocol) -> tuple[int, int] | None:
    """n and draw of a scarce protocol; None for any other."""
    found = re.fullmatch(_SCARCE, protocol)
    return (int(found[1]), int(found[2])) if found else None


def across_protocol(source: str) -> Protocol:
    """Name of the protocol under which only this source has labels."""
    return f"across-{source}"


def labelled_source(protocol: Protocol) -> str | None:
    """The only source whose labels trainings see under a protocol `across-<source>`; None for any other protocol."""
    found = re.fullmatch(_ACROSS, protocol)
    return found[1] if found else None


def rules_of(protocol: Protocol) -> Rules:
    """The rules of a protocol, by which tables are looked up: those of `leak_free` for all but `thesis`.

    Raises:
        KeyError: not the name of a protocol.
    """
    if scarce_numbers(protocol) or labelled_source(protocol):
        return "leak_free"
    return {rules: rules for rules in PROTOCOLS}[protocol]  # type: ignore[index]
