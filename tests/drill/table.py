"""The table of what was tried and what happened."""

from collections import Counter
from collections.abc import Sequence

from drill.verdict import FAILED, IDENTICAL, NOT_TRIED, TOLD, Outcome

HEADER = ("", "kind", "fault", "verdict", "jobs again", "what the workflow said")
_WIDEST = 110


def row(number: int, outcome: Outcome) -> tuple[str, ...]:
    """One fault's cells."""
    said = "; ".join(outcome.wrong) or outcome.why_not or outcome.said
    return (
        str(number),
        outcome.kind,
        outcome.fault,
        outcome.verdict,
        "" if outcome.why_not else str(outcome.again),
        _short(said.replace("|", "/").replace("\n", " "), 3 * _WIDEST if outcome.wrong else _WIDEST),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """All faults as an aligned table, which is Markdown too, and a sentence that sums it up."""
    rows = [HEADER, *(row(number, outcome) for number, outcome in enumerate(outcomes, 1))]
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |" for cells in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([*lines, "", summary(outcomes)])


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many faults ended how."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    tried = len(outcomes) - counts[NOT_TRIED]
    text = (
        f"{tried} faults: {counts[IDENTICAL]} ended with identical results, {counts[TOLD]} with a clear error and then "
        f"identical results, {counts[FAILED]} failed"
    )
    return text + (f"; {counts[NOT_TRIED]} not tried." if counts[NOT_TRIED] else ".")


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else text[: most - 1] + "…"
