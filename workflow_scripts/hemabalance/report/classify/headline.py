"""The top of the page: the question, and the numbers of this run that answer it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.files import write_json
from hemabalance.report.cells import NOT_AVAILABLE, number
from hemabalance.report.classify.classifier_results import ClassifierResult, as_share
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult, probability
from hemabalance.report.reported import reported

_PLACES = 4
_HIGHER, _LOWER, _NOT_SHOWN, _UNKNOWN = "higher", "lower", "no difference shown", "not measured"
_SAME = "the same training"


def headline(
    a: ClassifierResult, b: ClassifierResult, compared: ComparisonResult, others: Sequence[ClassifierResult]
) -> dict[str, Any]:
    """What the page opens with.

    Args:
        a: with synthetic images, if the question is about them.
        b: what it is compared with, on the same test images, trained with the same seed.
        compared: of the two, either way round.
        others: trainings shown beside, such as the same two under the protocol `thesis`.

    Returns:
        JSON values `question, answer, protocol, seed, n, a, b`; `rows` of `metric, a, b, difference, reading`; `lines`,
        further sentences; `beside`, rows of `experiment, protocol, accuracy, n` with `why` they are not the answer;
        `reported`, a sentence.
    """
    pair = compared.turned(a.name)
    found = pair.seed(a.seed)
    same = _same(a, b)
    readings = {metric: _SAME if same else _reading(found[metric]) for metric in METRICS}
    return {
        "question": _question(a, b),
        "answer": _no_answer(a, b) if same else _answer(a, b, found, readings),
        "protocol": a.protocol,
        "seed": a.seed,
        "n": a.n,
        "a": a.name,
        "b": b.name,
        "rows": [
            {
                "metric": words,
                "a": _spanned(a.metric(metric)),
                "b": _spanned(b.metric(metric)),
                "difference": _spanned(found[metric], signed=True),
                "reading": readings[metric],
            }
            for metric, words in METRICS.items()
        ],
        "lines": [*_images(a, b), *([] if same else [_alone(found, a, b), *_seeds(pair)]), *_sources(a)],
        "beside": [
            {"experiment": one.name, "protocol": one.protocol, "accuracy": _spanned(one.metric("accuracy")), "n": one.n}
            for one in others
        ],
        "why": _why(a, others),
        "reported": _reported(),
    }


def write_headline(found: Mapping[str, Any] | None, path: Path) -> None:
    """Write what `headline` gave as JSON; None where a run compares nothing and the page opens without it."""
    write_json(found, path)


def read_headline(path: Path) -> dict[str, Any] | None:
    """Read what `write_headline` wrote."""
    found: dict[str, Any] | None = json.loads(path.read_text("utf-8"))
    return found


def _question(a: ClassifierResult, b: ClassifierResult) -> str:
    if a.synthetic and not b.synthetic and (a.added or _same(a, b)):
        return "Do synthetic images help a classifier to tell blood cells apart?"
    return f"Does {a.name} tell blood cells apart better than {b.name}?"


def _same(a: ClassifierResult, b: ClassifierResult) -> bool:
    """Whether the two are one training under two names, for want of synthetic images to add."""
    if not (a.synthetic or b.synthetic) or a.added or b.added:
        return False
    return a.model == b.model and a.training["learned_from"] == b.training["learned_from"]


def _reading(difference: Mapping[str, Any]) -> str:
    """What the interval of a difference says; an interval without width says nothing."""
    low, high = difference["low"], difference["high"]
    if low is None or high is None:
        return _UNKNOWN
    if low > 0 and high > low:
        return _HIGHER
    return _LOWER if high < 0 and high > low else _NOT_SHOWN


def _answer(a: ClassifierResult, b: ClassifierResult, found: Mapping[str, Any], readings: Mapping[str, str]) -> str:
    said = set(readings.values())
    if not a.n or said == {_UNKNOWN}:
        return "This run cannot say: it has too few test images to measure a difference on."
    if {_HIGHER, _LOWER} <= said:
        word = "It depends on what is counted"
    elif _HIGHER in said:
        word = "Yes, on these images" if said == {_HIGHER} else "In part, on these images"
    else:
        word = "No, worse on these images" if _LOWER in said else "Not shown on these images"
    told = "; ".join(
        f"{words} {_signed(found[metric]['value'])}" + (f" ({readings[metric]})" if readings[metric] != _HIGHER else "")
        for metric, words in METRICS.items()
    )
    return f"{word}. From “{b.name}” to “{a.name}”: {told}."


def _no_answer(a: ClassifierResult, b: ClassifierResult) -> str:
    lost = " and ".join(
        f"0 of {one.training['drawn']:,} drawn images entered “{one.name}”" for one in (a, b) if one.synthetic
    )
    return (
        f"This run cannot say: {lost} (none passed the gate, or no class was short of images), so both sets hold the "
        "same images and both experiments are the same training."
    )


def _images(a: ClassifierResult, b: ClassifierResult) -> list[str]:
    """How many synthetic images each learned from; nothing where neither takes any."""
    if not (a.synthetic or b.synthetic):
        return []
    return [
        f"Of the {a.images:,} training images of “{a.name}” {a.added:,} are synthetic, of the {b.images:,} of "
        f"“{b.name}” {b.added:,}."
    ]


def _alone(found: Mapping[str, Any], a: ClassifierResult, b: ClassifierResult) -> str:
    test, p = found["mcnemar"], probability(found["mcnemar"]["p"])
    p = f"p {p[0]} {p[1:]}" if p.startswith("<") else f"p = {p}"
    return (
        f"Of {found['n']:,} test images {test['only_a']:,} are told right by “{a.name}” alone and {test['only_b']:,} "
        f"by “{b.name}” alone (McNemar's exact {p})."
    )


def _seeds(pair: ComparisonResult) -> list[str]:
    spread = pair.found["over_seeds"]["accuracy"]
    if spread["n"] < 2:
        return [
            "The intervals are over test images, for one training each; trainings with other seeds would scatter too."
        ]
    mean, std = _signed(spread["mean"]), number(spread["std"], _PLACES)
    return [
        f"Over {spread['n']} seeds the difference in accuracy is {mean} on average, with a standard deviation of {std}."
    ]


def _sources(one: ClassifierResult) -> list[str]:
    parts = [
        f"{row['source']} {_spanned(row['accuracy'])}, n = {row['n']:,}" for row in one.metrics["sources"] if row["n"]
    ]
    return [f"Accuracy of “{one.name}” by source: {'; '.join(parts)}."] if len(parts) > 1 else []


def _why(a: ClassifierResult, others: Sequence[ClassifierResult]) -> str:
    """Why other protocols' numbers are no answer."""
    if a.protocol == "thesis" or all(one.protocol == a.protocol for one in others):
        return ""
    return (
        "Under the protocol thesis images are split after balancing: normalisers and generators have seen the test "
        "images, and likenesses of them may be among the training images. So its numbers can be higher than on images "
        "never seen, and they are no answer."
    )


def _reported() -> str:
    known = reported("classification")
    before, after = (as_share(known[kind]["accuracy"]) for kind in ("original", "balanced"))
    return (
        f"Reported by the thesis, not measured here: accuracy {before} on its original set and {after} on its "
        "normalised and balanced one, split after balancing, on the complete archives, without n or intervals."
    )


def _spanned(found: Mapping[str, Any], *, signed: bool = False) -> str:
    if found["value"] is None:
        return NOT_AVAILABLE
    words = _signed if signed else _plain
    between = f" ({words(found['low'])} to {words(found['high'])})" if found["low"] is not None else ""
    return words(found["value"]) + between


def _plain(value: float | None) -> str:
    return number(value, _PLACES)


def _signed(value: float | None) -> str:
    return NOT_AVAILABLE if value is None else f"{value:+z.{_PLACES}f}"
