"""Sibling rules: rules that are generated from one definition, one per protocol and page. Their jobs need the same."""

from hemabalance.protocols import PROTOCOLS

_PAGES = ("", "_experiments")

SIBLINGS = (
    *(
        [f"{stage}_report_{protocol}{page}" for protocol in PROTOCOLS for page in _PAGES]
        for stage in ("stain", "synthesis")
    ),
    [f"classify_report{page}" for page in _PAGES],
)


def siblings(rule: str) -> list[str]:
    """Names of a rule and its siblings; most rules have none."""
    return next((names for names in SIBLINGS if rule in names), [rule])
