"""The model card: what a model is for, what it learned from, how well it does and where it ends (Mitchell et al. 2019).

"Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993. Markdown, for people; `model.json` is for programs.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.model_schema import RENDERED, ModelFile
from hemabalance.files import atomic_path

NOT_ESTIMABLE = "not estimable"
FEW = 20
"""Test images under which a class is named among the limits."""

_HEADLINE = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "macro_auroc": "macro-AUROC",
    "expected_calibration_error": "expected calibration error",
    "negative_log_likelihood": "negative log-likelihood",
}
_OF_CLASS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "one_vs_rest_accuracy": "one against rest",
    "precision": "precision",
    "f1": "F1",
    "auroc": "AUROC",
}
_PER_CLASS = (
    "**Stain and class.** In training, the normaliser mapped of some classes the images of one source alone. Stain "
    "then depends on the class, which this model may have read off it; and as nobody knows the class of a new image, "
    "none can be normalised in the same way. Test images were, so the figures above do not hold for new images."
)


def write_card(path: Path, *, model: Path, metrics: Path, training: Path, rows: pd.DataFrame) -> None:
    """Write the card of a trained model.

    Args:
        path: Markdown to write.
        model: its `model.json`.
        metrics, training: its `metrics.json` and `training.json`.
        rows: the balanced set that it was trained on.

    Raises:
        InputError: the model file is missing or damaged, or the disk is full.
    """
    measured, trained = (json.loads(file.read_text("utf-8")) for file in (metrics, training))
    with atomic_path(path) as part:
        part.write_text(card(read_model_file(model).content, measured, trained, rows), "utf-8")


def card(content: ModelFile, measured: Mapping[str, Any], trained: Mapping[str, Any], rows: pd.DataFrame) -> str:
    """The card as Markdown; arguments as the files of `write_card`."""
    sections = {
        f"{content.experiment}, seed {content.seed}": _opening(content, measured),
        "For what, and for what not": _use(content),
        "What it learned from": _data(content, rows),
        "Training": _training(content, trained),
        f"Measured on {measured['n']:,} test images": _measured(measured),
        "By class": _classes(measured),
        "By source": _sources(measured),
        "Limits": _limits(content, measured, rows),
        "To use it": _usage(content),
    }
    first, *rest = sections.items()
    parts = [f"# {first[0]}\n\n{first[1]}", *(f"## {title}\n\n{text}" for title, text in rest)]
    return "\n\n".join(parts) + "\n"


def _opening(content: ModelFile, measured: Mapping[str, Any]) -> str:
    lines = [
        f"A classifier of single blood cells in photographs of smears: {len(content.classes)} classes, images of "
        f"{content.size} px. Model `{content.method}`, balanced set `{content.recipe}`, protocol `{content.protocol}`.",
        f"**Protocol.** {measured['how']['protocol']}",
        *(f"**{note}**" for note in content.notes),
    ]
    return "\n\n".join(lines)


def _use(content: ModelFile) -> str:
    return _bullets(
        (
            "For research on classifying cells and on balancing data sets, and for looking at its mistakes.",
            "Not for diagnosis, for counting cells of patients, or for any decision about a person.",
            f"It names one of {', '.join(content.classes)}, whatever it is shown. Images unlike its training images are "
            "flagged when predicted; do not trust the class of those. A cell of another class in a familiar stain may "
            "well pass unflagged.",
        )
    )


def _data(content: ModelFile, rows: pd.DataFrame) -> str:
    licences = [
        f"`{name}`: {part.title}, {part.images:,} training images. {part.licence}. {part.citation}"
        for name, part in content.data.items()
    ]
    kinds = rows["source"].where(rows["origin"] == "real", "synthetic") + ", " + rows["part"]
    parts = ("train", "validation", "test")
    columns = [f"{kind}, {part}" for kind in (*content.data, "synthetic") for part in parts]
    present = [column for column in columns if (kinds == column).any()]
    counts = {
        label: [str(int(((rows["label"] == label) & (kinds == column)).sum())) for column in present]
        for label in content.classes
    }
    total = [str(int((kinds == column).sum())) for column in present]
    table = _table(("class", *present), [(label, *found) for label, found in counts.items()] + [("all", *total)])
    return "\n\n".join((_bullets(licences), "Images by class, source and part:", table))


def _training(content: ModelFile, trained: Mapping[str, Any]) -> str:
    real, synthetic = trained["images"] - trained["synthetic"], trained["synthetic"]
    images = f"{real:,} real and {synthetic:,} synthetic"
    stain = "in their own stain"
    if content.stain is not None:
        stain = f"normalised by `{content.stain.name}` ({content.stain.method}, direction {content.stain.direction})"
    steps = f"{trained['steps']:,} steps, the best weights chosen on {trained['validation']:,} validation images; "
    steps = steps if trained["steps"] else ""  # parameters found at once
    fields = ", ".join(f"{share:g} of the frame of `{source}`" for source, share in content.frame.fields.items())
    return _bullets(
        (
            f"{images} images, {stain}.",
            f"{steps}{trained['seconds']:,} s on {trained['device']} in precision {trained['precision']}; "
            f"{trained['parameters']:,} parameters.",
            f"Photographs are brought to a square ({content.frame.fit}, {fields}) of {content.frame.size} px and averaged "
            f"to {content.size} px.",
            f"Confidences are calibrated on {trained['validation']:,} validation images: temperature "
            f"{content.temperature:.4g}.",
        )
    )


def _measured(measured: Mapping[str, Any]) -> str:
    rows = [
        (title, _value(measured["metrics"][name]), _n(measured["metrics"][name])) for name, title in _HEADLINE.items()
    ]
    notes = _bullets((measured["how"]["intervals"], measured["how"]["macro"], *measured["notes"].values()))
    return "\n\n".join((_table(("", "value (95 % interval)", "n"), rows), notes))


def _classes(measured: Mapping[str, Any]) -> str:
    rows = [(row["label"], str(row["n"]), *(_value(row[name]) for name in _OF_CLASS)) for row in measured["classes"]]
    return _table(("class", "n", *_OF_CLASS.values()), rows)


def _sources(measured: Mapping[str, Any]) -> str:
    rows = [(row["source"], str(row["n"]), *(_value(row[name]) for name in _HEADLINE)) for row in measured["sources"]]
    return _table(("source", "n", *_HEADLINE.values()), rows)


def _limits(content: ModelFile, measured: Mapping[str, Any], rows: pd.DataFrame) -> str:
    few = [f"{row['label']} ({row['n']})" for row in measured["classes"] if row["n"] < FEW]
    real = rows[(rows["part"] == "train") & (rows["origin"] == "real")]["label"].value_counts()
    untaught = [f"{label} ({real.get(label, 0)})" for label in content.classes if real.get(label, 0) < FEW]
    photographs = [
        "**Two laboratories.** All images are of two laboratories, and a class that only one of them has can be told "
        "by anything that tells the laboratories apart. Nothing is known of a third.",
        "**Cells, not patients.** The archives do not say which images are of one patient, so images of one may be "
        "among training and test images.",
    ]
    found = [] if RENDERED in content.notes else photographs
    if few:
        found.append(f"**Few test images** of {', '.join(few)}: their figures are anecdotes, whatever the interval.")
    if untaught:
        found.append(f"**Few real training images** of {', '.join(untaught)}.")
    if content.stain is not None and content.stain.direction == "per_class":
        found.append(_PER_CLASS)
    found.append("**One training.** Another seed gives another model; the report shows how far several differ.")
    return _bullets(found)


def _usage(content: ModelFile) -> str:
    options = ", ".join(f"`--source {name}`" for name in content.frame.fields)
    return (
        "```\nhemabalance predict model.json IMAGES --out predictions.csv\nhemabalance export model.json --onnx "
        f"model.onnx\n```\n\nThe share of the frame that is used follows the source: {options}, or `--field` for "
        f"images of another scale. Weights sha256 `{content.sha256.weights}`, balanced set sha256 "
        f"`{content.sha256.balanced}`, written by hemabalance {content.hemabalance}."
    )


def _value(found: Mapping[str, Any]) -> str:
    if found["value"] is None:
        return NOT_ESTIMABLE
    if found["low"] is None or found["high"] is None:
        return f"{found['value']:.3f}"
    return f"{found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f})"


def _n(found: Mapping[str, Any]) -> str:
    return str(found["n"])


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
