"""Table of what a generator can be used for, class by class: real images, yield of the gate, copies, and an advice."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemabalance.metrics.intervals import Interval, wilson
from hemabalance.report.cells import NO_REASON, interval_cells
from hemabalance.report.synthesis.generator_results import ALL, GeneratorResult

DO_NOT_TRUST, COLLECT_MORE, GENERATE = "do not trust", "collect more", "generate"

LEAST_YIELD, ENOUGH_YIELD = 0.10, 0.25
"""Share of draws that the gate accepts below which a class is not trusted, and below which it needs more images."""

ENOUGH_REAL = 30
"""Real training images below which a class needs more of them."""

ENOUGH_HELD_BACK = 30
"""Held-back images below which copies are compared with those among the held-back images of all classes."""

RULES = (
    f"Do not trust: fewer than {LEAST_YIELD:.0%} of the draws are accepted, or more of them are copies than of "
    "held-back real images, with intervals that do not overlap. Otherwise collect more: fewer than "
    f"{ENOUGH_REAL} real training images, fewer than {ENOUGH_YIELD:.0%} of the draws accepted, or no held-back image "
    "to compare copies with. Otherwise generate. The held-back images are those of the class, or of all classes of the "
    f"generator if the class has fewer than {ENOUGH_HELD_BACK}."
)
"""How the advice follows from the columns, for the caption."""


@dataclass(frozen=True)
class Evidence:
    """What the advice on one class rests on.

    Attributes:
        real: number of its real training images.
        accepted: share of draws that the gate accepts; values None without draws.
        copies: share of draws that are copies of a training image.
        held_back: the same share of held-back real images; values None without such images.
    """

    real: int
    accepted: Interval
    copies: Interval
    held_back: Interval


def advice(evidence: Evidence) -> tuple[str, str]:
    """The advice on a class, and why; the rules are in `RULES`."""
    accepted, copies, held_back = evidence.accepted, evidence.copies, evidence.held_back
    distrust = {
        "few draws are accepted": accepted.value is not None and accepted.value < LEAST_YIELD,
        "more copies than among held-back real images": _is_above(copies, held_back),
    }
    shortage = {
        "nothing was drawn": accepted.value is None,
        "few real training images": evidence.real < ENOUGH_REAL,
        "the gate refuses most draws": accepted.value is not None and accepted.value < ENOUGH_YIELD,
        "no held-back real images to compare copies with": held_back.value is None,
    }
    for verdict, reasons in ((DO_NOT_TRUST, distrust), (COLLECT_MORE, shortage)):
        if any(reasons.values()):
            return verdict, "; ".join(reason for reason, applies in reasons.items() if applies)
    return GENERATE, NO_REASON


def trust(generators: Sequence[GeneratorResult]) -> list[dict[str, Any]]:
    """Rows of every class and generator of it, by class."""
    pairs = [(label, result) for result in generators for label in result.classes]
    return [_row(label, result) for label, result in sorted(pairs, key=lambda pair: pair[0])]


def _row(label: str, result: GeneratorResult) -> dict[str, Any]:
    counts = result.gate["classes"][label]
    generated, held_back, compared = _copies(result, label)
    agreement = result.row("agreement", label=label, compare="generated")
    accepted = wilson(counts["accepted"], counts["drawn"])
    evidence = Evidence(counts["real"], accepted, _interval(generated), _interval(held_back))
    verdict, reason = advice(evidence)
    return (
        {"class": label, "generator": result.name, "normaliser": result.normalizer, "advice": verdict}
        | {"real_training_images": counts["real"], "drawn": counts["drawn"], "accepted": counts["accepted"]}
        | interval_cells(accepted._asdict(), "value", "accepted_share", 3)
        | {"n_draws_compared": generated["n"]}
        | interval_cells(generated, "share", "copies_among_draws", 3)
        | {"held_back_of": compared, "n_held_back": held_back["n"]}
        | interval_cells(held_back, "share", "copies_among_held_back", 3)
        | {"n_agreement": agreement["n"]}
        | interval_cells(agreement, "rate", "classified_as_requested", 3)
        | {"reason": reason}
    )


def _copies(result: GeneratorResult, label: str) -> tuple[Mapping[str, Any], Mapping[str, Any], str]:
    """The rows of copies among draws and among held-back images, and of which classes the latter are."""
    generated = result.row("memorisation", label=label, kind="generated")
    held_back = result.row("memorisation", label=label, kind="held_back")
    of_all = result.row("memorisation", label=ALL, kind="held_back")
    if held_back["n"] < min(ENOUGH_HELD_BACK, of_all["n"]):
        return generated, of_all, "all classes"
    return generated, held_back, "this class"


def _interval(row: Mapping[str, Any]) -> Interval:
    return Interval(row["share"], row["low"], row["high"])


def _is_above(share: Interval, other: Interval) -> bool:
    """Whether a share is above another one, with intervals that do not overlap."""
    return share.low is not None and other.high is not None and share.low > other.high
