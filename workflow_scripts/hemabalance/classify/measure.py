"""Metrics of one trained classifier on the real test images, as one JSON object."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.classify.predictions import classes_of, codes_of, probabilities_of, read_predictions
from hemabalance.files import write_json
from hemabalance.metrics.auroc import RESAMPLES as AUROC_RESAMPLES
from hemabalance.metrics.calibration import BINS, calibration_error_interval, negative_log_likelihood
from hemabalance.metrics.classification import Classified, classify_scores
from hemabalance.metrics.intervals import RESAMPLES
from hemabalance.metrics.resampling import Estimate
from hemabalance.protocols import Protocol, Rules, rules_of, scarce_numbers

HOW = {
    "intervals": "95 % intervals. Shares of images (accuracy, sensitivity, specificity, one-against-rest accuracy, "
    "precision) have score intervals (Wilson 1927), all other metrics bootstrap intervals over images within classes: "
    f"{RESAMPLES} resamples, {AUROC_RESAMPLES} for AUROC. They are valid for new images of these sources with this "
    "class distribution, not for other sources.",
    "macro": "Balanced accuracy, macro-F1 and macro-AUROC are means over the classes that have test images.",
    "expected_calibration_error": f"Of the confidence after temperature scaling, in {BINS} bins of equal width; the "
    "interval is shifted to correct the mean bias of the resamples.",
}

PROTOCOL: dict[Rules, str] = {
    "leak_free": "Real images were split before anything was trained; no training saw a test image or a copy of one.",
    "thesis": "Split after balancing, as in the thesis: normalisers and generators were trained on the test images, "
    "and synthetic images that resemble test images may be among the training images. For both reasons the values can "
    "be higher than on unseen images.",
}


def protocol_sentence(protocol: Protocol) -> str:
    """What a protocol means for the values measured under it."""
    numbers, sentence = scarce_numbers(protocol), PROTOCOL[rules_of(protocol)]
    if numbers is None:
        return sentence
    kept = f"Of the scarce classes, {numbers[0]} training images were kept (draw {numbers[1]})"
    return f"{sentence} {kept}; the others and the validation images of these classes were withheld from everything."


def measure(
    table: pd.DataFrame,
    calibration: Mapping[str, Any],
    *,
    experiment: str,
    protocol: Protocol,
    seed: int,
    resample_seed: int,
) -> dict[str, Any]:
    """Metrics of a table of predictions.

    Args:
        table: predictions (`predictions.SCHEMA`).
        calibration: content of the JSON that `evaluate.predict_test` wrote.
        experiment: name of the experiment.
        protocol: protocol of the test images.
        seed: seed of the training; only recorded.
        resample_seed: seed of the bootstrap. Experiments measured with the same seed use the same resamples.

    Returns:
        JSON values `experiment, protocol, seed, n`; `metrics`: name -> `value, low, high, n` of `accuracy,
        balanced_accuracy, macro_f1, macro_auroc, expected_calibration_error, negative_log_likelihood`; `classes`: rows
        `label, n` (its test images) and `sensitivity, specificity, one_vs_rest_accuracy, precision, f1, auroc`, each
        `value, low, high, n`; `sources`: rows `source, n` and the same metrics on the images of each source that has
        test images, in alphabetical order;
        `confusion`: `classes, counts` (rows true, columns predicted); `calibration`: the argument; `notes`: reasons for
        missing values and for intervals of zero width; `how`: definitions. Values that cannot be estimated are null,
        never 0 or 1.
    """
    scores, classes = _scores(table, resample_seed), classes_of(table)
    rows = [
        {"label": label, "n": int(scores.counts[index].sum())} | _plain(scores.classes[index])
        for index, label in enumerate(classes)
    ]
    return {
        "experiment": experiment,
        "protocol": protocol,
        "seed": seed,
        "n": len(table),
        "metrics": _headline(table, scores, resample_seed),
        "classes": rows,
        "sources": [_source_metrics(table, source, resample_seed) for source in sorted(set(table["source"]))],
        "confusion": {"classes": list(classes), "counts": scores.counts.tolist()},
        "calibration": dict(calibration),
        "notes": _notes(scores, classes),
        "how": HOW | {"protocol": protocol_sentence(protocol)},
    }


def measure_predictions(
    predictions: Path,
    calibration: Path,
    metrics: Path,
    *,
    experiment: str,
    protocol: Protocol,
    seed: int,
    resample_seed: int,
) -> None:
    """Read predictions and calibration, and write the result of `measure` as JSON; arguments as there.

    Raises:
        InputError: the predictions are missing, are not Parquet, or break their schema.
    """
    table, content = read_predictions(predictions), json.loads(calibration.read_text("utf-8"))
    write_json(
        measure(table, content, experiment=experiment, protocol=protocol, seed=seed, resample_seed=resample_seed),
        metrics,
    )


def _scores(table: pd.DataFrame, resample_seed: int) -> Classified:
    targets, predicted = (codes_of(table[name], classes_of(table)) for name in ("label", "predicted"))
    return classify_scores(targets, predicted, probabilities_of(table), seed=resample_seed)


def _headline(table: pd.DataFrame, scores: Classified, resample_seed: int) -> dict[str, Any]:
    targets, confidence = codes_of(table["label"], classes_of(table)), table["confidence"].to_numpy()
    correct = (table["predicted"] == table["label"]).to_numpy(dtype=bool)
    calibrated = {
        "expected_calibration_error": calibration_error_interval(confidence, correct, targets, seed=resample_seed),
        "negative_log_likelihood": negative_log_likelihood(probabilities_of(table), targets, seed=resample_seed),
    }
    return _plain(scores.overall | calibrated)


def _source_metrics(table: pd.DataFrame, source: str, resample_seed: int) -> dict[str, Any]:
    rows = table[table["source"] == source]
    return {"source": source, "n": len(rows)} | _headline(rows, _scores(rows, resample_seed), resample_seed)


def _plain(estimates: Mapping[str, Estimate]) -> dict[str, Any]:
    return {name: estimate._asdict() for name, estimate in estimates.items()}


def _notes(scores: Classified, classes: Sequence[str]) -> dict[str, str]:
    if not scores.counts.sum():
        return {"classes": "there are no test images, so nothing can be estimated"}
    notes = {}
    absent = [label for label, n in zip(classes, scores.counts.sum(1), strict=True) if not n]
    if absent:
        present = len(classes) - len(absent)
        notes["classes"] = (
            f"no test image of {', '.join(absent)}: not estimable; macro averages are over the other {present} classes"
        )
    single = [label for label, n in zip(classes, scores.counts.sum(1), strict=True) if n == 1]
    if single:
        notes["lone"] = f"only one test image of {', '.join(single)}: the bootstrap cannot resample it"
    if scores.no_spread:
        notes["no_spread"] = f"every resample gives the same {', '.join(scores.no_spread)}: the interval has zero width"
    return notes
