"""The protocols of a run: how images are divided into training, validation and test sets.

A protocol is a folder of the run. Two are listed in config; the scarce ones follow from its section `scarcity`.
"""

import re
from typing import Annotated, Literal, get_args

from pydantic import Field

Rules = Literal["leak_free", "thesis"]
"""leak_free: copies of a photograph stay in one part, and the test set is split off first; thesis: the split comes
after balancing (thesis §4.4)."""

PROTOCOLS: tuple[Rules, ...] = get_args(Rules)

_SCARCE = r"scarce-([1-9][0-9]*)-([1-9][0-9]*)"

Protocol = Annotated[str, Field(pattern=f"^({'|'.join(PROTOCOLS)}|{_SCARCE})$")]
"""`leak_free`, `thesis`, or `scarce-<n>-<draw>`: the leak-free split with all but n training images of the scarce
classes withheld from everything; the number of the draw of these images counts from 1."""


def scarce_protocol(n: int, draw: int) -> Protocol:
    """Name of the protocol with n training images of each scarce class, in draw `draw`, both from 1."""
    return f"scarce-{n}-{draw}"


def scarce_numbers(protocol: Protocol) -> tuple[int, int] | None:
    """n and draw of a scarce protocol; None for any other."""
    found = re.fullmatch(_SCARCE, protocol)
    return (int(found[1]), int(found[2])) if found else None


def rules_of(protocol: Protocol) -> Rules:
    """The rules of a protocol, by which tables are looked up: those of `leak_free` for a scarce protocol.

    Raises:
        KeyError: not the name of a protocol.
    """
    if scarce_numbers(protocol):
        return "leak_free"
    return {rules: rules for rules in PROTOCOLS}[protocol]  # type: ignore[index]
