"""The table of faults and their outcomes."""

from collections import Counter
from collections.abc import Sequence

from drill.verdict import EXPLAINED, FAILED, IDENTICAL, NOT_TRIED, Outcome

HEADER = ("", "kind", "fault", "verdict", "jobs again", "what the workflow said")
_MAX_WIDTH = 110


def row(number: int, outcome: Outcome) -> tuple[str, ...]:
    """Return the cells of one fault."""
    text = "; ".join(outcome.wrong) or outcome.skip_reason or outcome.output_line
    return (
        str(number),
        outcome.kind,
        outcome.fault,
        outcome.verdict,
        "" if outcome.skip_reason else str(outcome.jobs_again),
        _shorten(text.replace("|", "/").replace("\n", " "), 3 * _MAX_WIDTH if outcome.wrong else _MAX_WIDTH),
    )


def table(outcomes: Sequence[Outcome]) -> str:
    """Return an aligned Markdown table of all faults, followed by a summary sentence."""
    rows = [HEADER, *(row(number, outcome) for number, outcome in enumerate(outcomes, 1))]
    widths = [max(len(cells[k]) for cells in rows) for k in range(len(HEADER))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |" for cells in rows
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join([*lines, "", summary(outcomes)])


def summary(outcomes: Sequence[Outcome]) -> str:
    """Return a sentence with the number of faults per verdict."""
    counts = Counter(outcome.verdict for outcome in outcomes)
    tried = len(outcomes) - counts[NOT_TRIED]
    text = (
        f"{tried} faults: {counts[IDENTICAL]} ended with identical results, {counts[EXPLAINED]} with a clear error and "
        f"then identical results, {counts[FAILED]} failed"
    )
    return text + (f"; {counts[NOT_TRIED]} not tried." if counts[NOT_TRIED] else ".")


def _shorten(text: str, max_length: int) -> str:
    return text if len(text) <= max_length else text[: max_length - 1] + "…"
