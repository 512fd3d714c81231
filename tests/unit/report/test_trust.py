"""The table of what a generator can be used for: each advice, and where its numbers come from."""

from typing import Any

import pytest

from hemabalance.metrics.intervals import wilson
from hemabalance.report.synthesis.generator_results import GeneratorResult
from hemabalance.report.synthesis.trust import (
    COLLECT_MORE,
    DO_NOT_TRUST,
    GENERATE,
    RULES,
    Evidence,
    advice,
    trust,
)
from hemabalance.report.titles import place_of


@pytest.mark.parametrize(
    ("real", "accepted", "copies", "held_back", "verdict", "reason"),
    [
        (30, (25, 100), (5, 100), (5, 100), GENERATE, "–"),
        (200, (9, 100), (0, 100), (0, 100), DO_NOT_TRUST, "few draws are accepted"),
        (200, (90, 100), (36, 100), (2, 100), DO_NOT_TRUST, "more copies than among held-back real images"),
        (200, (90, 100), (10, 100), (5, 100), GENERATE, "–"),  # the intervals overlap
        (29, (90, 100), (0, 100), (0, 100), COLLECT_MORE, "few real training images"),
        (200, (24, 100), (0, 100), (0, 100), COLLECT_MORE, "the gate refuses most draws"),
        (12, (10, 100), (0, 100), (0, 100), COLLECT_MORE, "few real training images; the gate refuses most draws"),
        (200, (90, 100), (0, 100), (0, 0), COLLECT_MORE, "no held-back real images to compare copies with"),
        (200, (0, 0), (0, 0), (0, 50), COLLECT_MORE, "nothing was drawn"),
        (9, (2, 100), (50, 100), (0, 90), DO_NOT_TRUST, "few draws are accepted; more copies than among held-back"),
    ],
)
def test_the_advice_follows_from_the_evidence(
    real: int, accepted: tuple[int, int], copies: tuple[int, int], held_back: tuple[int, int], verdict: str, reason: str
) -> None:
    found = advice(Evidence(real, *(wilson(*counts) for counts in (accepted, copies, held_back))))
    assert found[0] == verdict
    assert found[1].startswith(reason)


def memorised(label: str, kind: str, copies: int, n: int) -> dict[str, Any]:
    return {"label": label, "kind": kind, "n": n, "copies": copies} | wilson_keys("share", copies, n)


def wilson_keys(key: str, part: int, n: int) -> dict[str, Any]:
    rate = wilson(part, n)
    return {key: rate.value, "low": rate.low, "high": rate.high}


def generator(name: str, held_back: dict[str, tuple[int, int]], *, copies: int = 3) -> GeneratorResult:
    labels = sorted(held_back)
    total = tuple(sum(column) for column in zip(*held_back.values(), strict=True))
    memorisation = [memorised("all", "held_back", *total), memorised("all", "generated", copies * len(labels), 60)]
    for label in labels:
        memorisation += [memorised(label, "generated", copies, 60), memorised(label, "held_back", *held_back[label])]
    agreement = [{"label": label, "compare": "generated", "n": 60} | wilson_keys("rate", 45, 60) for label in labels]
    gate = {"classes": {label: {"real": 40, "drawn": 60, "accepted": 30} for label in labels}}
    training = {"classes": {"served": labels}}
    return GeneratorResult(
        name, "dcgan", "rich", "none", {"memorisation": memorisation, "agreement": agreement}, training, gate
    )


def test_rows_are_by_class_with_the_numbers_behind_the_advice() -> None:
    rows = trust([generator("b", {"y": (1, 50), "x": (2, 40)}), generator("a", {"x": (2, 40)}, copies=40)])
    assert [(row["class"], row["generator"], row["advice"]) for row in rows] == [
        ("x", "b", GENERATE),
        ("x", "a", DO_NOT_TRUST),
        ("y", "b", GENERATE),
    ]
    first = rows[0]
    assert (first["real_training_images"], first["drawn"], first["accepted"], first["accepted_share"]) == (
        40, 60, 30, "0.500",
    )  # fmt: skip
    assert (first["copies_among_draws"], first["copies_among_held_back"]) == ("0.050", "0.050")
    assert (first["held_back_of"], first["n_held_back"], first["classified_as_requested"]) == (
        "this class",
        40,
        "0.750",
    )


def test_few_held_back_images_of_a_class_are_not_the_reference() -> None:
    """With two held-back images no share of copies could be above theirs."""
    results = [generator("a", {"x": (0, 2), "y": (1, 58)}, copies=20)]
    row = trust(results)[0]
    assert (row["class"], row["held_back_of"], row["n_held_back"]) == ("x", "all classes", 60)
    assert row["advice"] == DO_NOT_TRUST


def test_without_held_back_images_nothing_is_generated() -> None:
    row = trust([generator("a", {"x": (0, 0)})])[0]
    assert (row["advice"], row["copies_among_held_back"]) == (COLLECT_MORE, "not available")


def test_the_caption_states_the_thresholds() -> None:
    assert RULES in place_of("synthesis_trust_leak_free.csv", "none").note
    assert all(text in RULES for text in ("10%", "25%", "30 real training images"))
