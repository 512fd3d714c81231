"""The opening section of the page: the question, and the results of this run that answer it."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.files import write_json
from hemabalance.report.cells import number, signed, with_interval
from hemabalance.report.classify.classifier_results import ClassifierResult, as_share
from hemabalance.report.classify.comparison_results import METRICS, ComparisonResult, probability
from hemabalance.report.reported import reported

_PLACES = 4
_HIGHER, _LOWER, _NOT_SHOWN, _UNKNOWN = "higher", "lower", "no difference shown", "not measured"
_SAME_TRAINING = "the same training"


def headline(
    a: ClassifierResult,
    b: ClassifierResult,
    comparison: ComparisonResult,
    others: Sequence[ClassifierResult],
    *,
    preset: str,
) -> dict[str, Any]:
    """Content of the opening section.

    Args:
        a: first training; the one with synthetic images if the question is about them.
        b: second training, with the same test images and seed.
        comparison: comparison of the two experiments, in either direction.
        others: further trainings to show, such as the same two experiments under the protocol `thesis`.
        preset: preset of the run.

    Returns:
        JSON values `question, answer, protocol, seed, n, a, b`; `rows` of `metric, a, b, difference, reading`; `lines`,
        further sentences; `beside`, rows of `experiment, protocol, accuracy, n` of the other trainings; `why`, the
        reason why these are not the answer; `reported`, a sentence with values of the thesis, empty without its preset.
    """
    swapped = comparison.swapped(a.name)
    differences = swapped.seed(a.seed)
    is_same = _same_training(a, b)
    readings = {metric: _SAME_TRAINING if is_same else _reading(differences[metric]) for metric in METRICS}
    return {
        "question": _question(a, b),
        "answer": _no_answer(a, b) if is_same else _answer(a, b, differences, readings),
        "protocol": a.protocol,
        "seed": a.seed,
        "n": a.n,
        "a": a.name,
        "b": b.name,
        "rows": [
            {
                "metric": title,
                "a": _with_interval(a.metric(metric)),
                "b": _with_interval(b.metric(metric)),
                "difference": _with_interval(differences[metric], is_signed=True),
                "reading": readings[metric],
            }
            for metric, title in METRICS.items()
        ],
        "lines": [
            *_image_lines(a, b),
            *([] if is_same else [_mcnemar_line(differences, a, b), *_seed_lines(swapped)]),
            *_source_lines(a),
        ],
        "beside": [
            {
                "experiment": result.name,
                "protocol": result.protocol,
                "accuracy": _with_interval(result.metric("accuracy")),
                "n": result.n,
            }
            for result in others
        ],
        "why": _caveat(a, others),
        "reported": _reported_sentence(preset),
    }


def write_opening(content: Mapping[str, Any] | None, path: Path) -> None:
    """Write the result of `headline` or of `recommendation.recommendation` as JSON; None for a run without."""
    write_json(content, path)


def read_opening(path: Path) -> dict[str, Any] | None:
    """Read a file written by `write_opening`."""
    content: dict[str, Any] | None = json.loads(path.read_text("utf-8"))
    return content


def _question(a: ClassifierResult, b: ClassifierResult) -> str:
    if a.synthetic and not b.synthetic and (a.added or _same_training(a, b)):
        return "Do synthetic images help a classifier to distinguish blood cells?"
    return f"Does {a.name} distinguish blood cells better than {b.name}?"


def _same_training(a: ClassifierResult, b: ClassifierResult) -> bool:
    """Whether the two trainings are identical because no synthetic images were added."""
    if not (a.synthetic or b.synthetic) or a.added or b.added:
        return False
    return a.model == b.model and a.training["learned_from"] == b.training["learned_from"]


def _reading(difference: Mapping[str, Any]) -> str:
    """Interpretation of the interval of a difference; an interval of width zero shows no difference."""
    low, high = difference["low"], difference["high"]
    if low is None or high is None:
        return _UNKNOWN
    if low > 0 and high > low:
        return _HIGHER
    return _LOWER if high < 0 and high > low else _NOT_SHOWN


def _answer(
    a: ClassifierResult, b: ClassifierResult, differences: Mapping[str, Any], readings: Mapping[str, str]
) -> str:
    distinct = set(readings.values())
    if not a.n or distinct == {_UNKNOWN}:
        return "This run cannot say: it has too few test images to measure a difference."
    if {_HIGHER, _LOWER} <= distinct:
        verdict = "It depends on the metric"
    elif _HIGHER in distinct:
        verdict = "Yes, on these images" if distinct == {_HIGHER} else "In part, on these images"
    else:
        verdict = "No, worse on these images" if _LOWER in distinct else "Not shown on these images"
    differences_text = "; ".join(
        f"{title} {signed(differences[metric]['value'], _PLACES)}"
        + (f" ({readings[metric]})" if readings[metric] != _HIGHER else "")
        for metric, title in METRICS.items()
    )
    return f"{verdict}. From “{b.name}” to “{a.name}”: {differences_text}."


def _no_answer(a: ClassifierResult, b: ClassifierResult) -> str:
    unused = " and ".join(
        f"0 of {result.training['drawn']:,} drawn images entered “{result.name}”"
        for result in (a, b)
        if result.synthetic
    )
    return (
        f"This run cannot say: {unused} (none passed the gate, or no class was short of images), so both sets hold the "
        "same images and both experiments are the same training."
    )


def _image_lines(a: ClassifierResult, b: ClassifierResult) -> list[str]:
    """Sentence on the numbers of synthetic training images; none if neither experiment uses any."""
    if not (a.synthetic or b.synthetic):
        return []
    return [
        f"“{a.name}” has {a.images:,} training images, {a.added:,} of them synthetic; “{b.name}” has {b.images:,}, "
        f"{b.added:,} of them synthetic."
    ]


def _mcnemar_line(differences: Mapping[str, Any], a: ClassifierResult, b: ClassifierResult) -> str:
    mcnemar, p = differences["mcnemar"], probability(differences["mcnemar"]["p"])
    p = f"p {p[0]} {p[1:]}" if p.startswith("<") else f"p = {p}"
    return (
        f"Of {differences['n']:,} test images, {mcnemar['only_a']:,} are classified correctly by “{a.name}” only and "
        f"{mcnemar['only_b']:,} by “{b.name}” only (McNemar's exact test, {p})."
    )


def _seed_lines(swapped: ComparisonResult) -> list[str]:
    spread = swapped.content["over_seeds"]["accuracy"]
    if spread["n"] < 2:
        return [
            "The intervals account for the choice of test images only, with one training each; trainings with other "
            "seeds would differ as well."
        ]
    mean, standard_deviation = signed(spread["mean"], _PLACES), number(spread["std"], _PLACES)
    return [
        f"Over {spread['n']} seeds the difference in accuracy has mean {mean} and standard deviation "
        f"{standard_deviation}."
    ]


def _source_lines(result: ClassifierResult) -> list[str]:
    parts = [
        f"{row['source']} {_with_interval(row['accuracy'])}, n = {row['n']:,}"
        for row in result.metrics["sources"]
        if row["n"]
    ]
    return [f"Accuracy of “{result.name}” by source: {'; '.join(parts)}."] if len(parts) > 1 else []


def _caveat(a: ClassifierResult, others: Sequence[ClassifierResult]) -> str:
    """Why results under other protocols are no answer to the question; empty if there are none."""
    if a.protocol == "thesis" or all(result.protocol == a.protocol for result in others):
        return ""
    return (
        "Under the protocol thesis, images are split after balancing: normalisers and generators have seen the test "
        "images, and training images may resemble them. These results can therefore be higher than on unseen images, "
        "and do not answer the question."
    )


def _reported_sentence(preset: str) -> str:
    classification = reported("classification", preset)
    if not classification:
        return ""
    before, after = (as_share(classification[kind]["accuracy"]) for kind in ("original", "balanced"))
    return (
        f"Reported by the thesis, not measured here: accuracy {before} on its original set and {after} on its "
        "normalised and balanced set, split after balancing, on the complete archives, without n or intervals."
    )


def _with_interval(estimate: Mapping[str, Any], *, is_signed: bool = False) -> str:
    return with_interval(estimate, _PLACES, is_signed=is_signed)
