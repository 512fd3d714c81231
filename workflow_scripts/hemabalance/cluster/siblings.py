"""Sibling rules: rules that are generated from one definition, one per protocol or page. Their jobs need the same."""

from typing import get_args

from hemabalance.protocols import Protocol

SIBLINGS = (
    *([f"{stage}_report_{protocol}" for protocol in get_args(Protocol)] for stage in ("stain", "synthesis")),
    ["classify_report", "classify_report_experiments"],
)


def siblings(rule: str) -> list[str]:
    """Names of a rule and its siblings; most rules have none."""
    return next((names for names in SIBLINGS if rule in names), [rule])
