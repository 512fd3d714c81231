"""Rules that are one rule several times, of each protocol or of each page: what one needs, the others need."""

from typing import get_args

from hemabalance.protocols import Protocol

SEVERAL = (
    *([f"{stage}_report_{protocol}" for protocol in get_args(Protocol)] for stage in ("stain", "synthesis")),
    ["classify_report", "classify_report_experiments"],
)


def siblings(rule: str) -> list[str]:
    """A rule and its siblings, by their names; most have none."""
    return next((names for names in SEVERAL if rule in names), [rule])
