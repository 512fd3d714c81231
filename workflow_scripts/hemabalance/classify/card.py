"""The model card: intended use, training data, scores and limits of a model (Mitchell et al. 2019).

"Model Cards for Model Reporting", FAT* 2019, arXiv:1810.03993. Markdown for people, with metadata for the Hugging Face
Hub at its head (`card_metadata`); `model.json` is for programs.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from hemabalance.classify.card_metadata import metadata
from hemabalance.classify.image_origin import mapped_sources
from hemabalance.classify.model_file import read_model_file
from hemabalance.classify.model_schema import RENDERED, ModelFile
from hemabalance.files import atomic_path

NOT_ESTIMABLE = "not estimable"
FEW = 20
"""Classes with fewer test images, or fewer real training images, are listed under the limits."""

_HEADLINE = {
    "accuracy": "accuracy",
    "balanced_accuracy": "balanced accuracy",
    "macro_f1": "macro-F1",
    "macro_auroc": "macro-AUROC",
    "expected_calibration_error": "expected calibration error",
    "negative_log_likelihood": "negative log-likelihood",
}
_CLASS_METRICS = {
    "sensitivity": "sensitivity",
    "specificity": "specificity",
    "one_vs_rest_accuracy": "one against rest",
    "precision": "precision",
    "f1": "F1",
    "auroc": "AUROC",
}
_PER_CLASS = (
    "**Stain and class.** In training, the normaliser mapped images of only one source for some classes. The stain "
    "therefore depends on the class, and this model may use it to recognise the class. A new image cannot be "
    "normalised in this way, because its class is unknown. Test images were, so the scores above do not apply to new "
    "images."
)


def write_card(path: Path, *, model: Path, metrics: Path, training: Path, rows: pd.DataFrame) -> None:
    """Write the card of a trained model.

    Args:
        path: Markdown to write.
        model: `model.json` of the model.
        metrics, training: `metrics.json` and `training.json` of the model.
        rows: the balanced set that the model was trained on.

    Raises:
        InputError: the model file is missing or damaged, or the disk is full.
    """
    measured, summary = (json.loads(file.read_text("utf-8")) for file in (metrics, training))
    with atomic_path(path) as part:
        part.write_text(render_card(read_model_file(model).content, measured, summary, rows), "utf-8")


def render_card(content: ModelFile, measured: Mapping[str, Any], summary: Mapping[str, Any], rows: pd.DataFrame) -> str:
    """The card as Markdown; the arguments are the contents of the files of `write_card`."""
    sections = {
        f"{content.experiment}, seed {content.seed}": _opening(content, measured),
        "Intended use": _use(content),
        "Training data": _data(content, rows),
        "Training": _training(content, summary),
        f"Scores on {measured['n']:,} test images": _scores(measured),
        "Scores by class": _class_scores(measured),
        "Scores by source": _source_scores(measured),
        "Limits": _limits(content, measured, rows),
        "Usage": _usage(content),
    }
    first, *rest = sections.items()
    parts = [f"# {first[0]}\n\n{first[1]}", *(f"## {title}\n\n{text}" for title, text in rest)]
    return metadata(content) + "\n" + "\n\n".join(parts) + "\n"


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
            "For research on cell classification and on balancing data sets, and for studying the model's errors.",
            "Not for diagnosis, for counting cells of patients, or for any decision about a person.",
            f"The model assigns every image to one of {', '.join(content.classes)}, whatever the image shows. "
            "`hemabalance predict` flags images that differ from the training images as `out_of_distribution`; do not "
            "trust the class of such an image. A cell of another class in a familiar stain may not be flagged.",
        )
    )


def _data(content: ModelFile, rows: pd.DataFrame) -> str:
    licences = [
        f"`{name}`: {', '.join(filter(None, (part.title, f'{part.images:,} training images')))}. "
        + " ".join(filter(None, (f"{part.licence}.", part.citation)))
        for name, part in content.data.items()
    ]
    kinds = rows["source"].where(rows["origin"] == "real", "synthetic") + ", " + rows["part"]
    parts = ("train", "validation", "test")
    columns = [f"{kind}, {part}" for kind in (*content.data, "synthetic") for part in parts]
    columns = [column for column in columns if (kinds == column).any()]
    counts = {
        label: [str(int(((rows["label"] == label) & (kinds == column)).sum())) for column in columns]
        for label in content.classes
    }
    total = [str(int((kinds == column).sum())) for column in columns]
    table = _table(("class", *columns), [(label, *cells) for label, cells in counts.items()] + [("all", *total)])
    return "\n\n".join((_bullets(licences), "Images by class, source and part:", table))


def _training(content: ModelFile, summary: Mapping[str, Any]) -> str:
    real, synthetic = summary["images"] - summary["synthetic"], summary["synthetic"]
    images = f"{real:,} real and {synthetic:,} synthetic"
    stain = "without stain normalisation"
    if content.stain is not None:
        stain = f"normalised by `{content.stain.name}` ({content.stain.method}, direction {content.stain.direction})"
    steps = f"{summary['steps']:,} steps, the best weights chosen on {summary['validation']:,} validation images; "
    steps = steps if summary["steps"] else ""  # statistical models are fitted without steps
    fields = ", ".join(f"{share:g} of the frame of `{source}`" for source, share in content.frame.fields.items())
    return _bullets(
        (
            f"{images} images, {stain}.",
            *_stain_of_new_images(content),
            f"{steps}{summary['seconds']:,} s on {summary['device']} in precision {summary['precision']}; "
            f"{summary['parameters']:,} parameters.",
            f"Photographs are made square ({content.frame.fit}, {fields}) at {content.frame.size} px and reduced to "
            f"{content.size} px by averaging.",
            f"Confidences are calibrated on {summary['validation']:,} validation images: temperature "
            f"{content.temperature:.4g}.",
        )
    )


def _stain_of_new_images(content: ModelFile) -> Iterator[str]:
    """What `hemabalance predict` does with the stain of new images."""
    if not content.colours:
        return
    known = ", ".join(f"`{name}` ({colours.images:,})" for name, colours in content.colours.items())
    if mapped := sorted(mapped_sources(content.stain)):
        yield (
            "`hemabalance predict` takes each image for the source that is nearest in colour and normalises images "
            f"taken for {', '.join(f'`{name}`' for name in mapped)}, with the weights in `normalizer/`; "
            "`--no-normalize` turns this off."
        )
    yield (
        f"Images beyond the colours of 99 % of the training images of every source are flagged as `stain_mismatch`. "
        f"Colours were measured on images of {known}."
    )


def _scores(measured: Mapping[str, Any]) -> str:
    metrics = measured["metrics"]
    rows = [(title, _value(metrics[name]), str(metrics[name]["n"])) for name, title in _HEADLINE.items()]
    notes = _bullets((measured["how"]["intervals"], measured["how"]["macro"], *measured["notes"].values()))
    return "\n\n".join((_table(("", "value (95 % interval)", "n"), rows), notes))


def _class_scores(measured: Mapping[str, Any]) -> str:
    rows = [
        (row["label"], str(row["n"]), *(_value(row[name]) for name in _CLASS_METRICS)) for row in measured["classes"]
    ]
    return _table(("class", "n", *_CLASS_METRICS.values()), rows)


def _source_scores(measured: Mapping[str, Any]) -> str:
    rows = [(row["source"], str(row["n"]), *(_value(row[name]) for name in _HEADLINE)) for row in measured["sources"]]
    return _table(("source", "n", *_HEADLINE.values()), rows)


def _limits(content: ModelFile, measured: Mapping[str, Any], rows: pd.DataFrame) -> str:
    few_test = [f"{row['label']} ({row['n']})" for row in measured["classes"] if row["n"] < FEW]
    real = rows[(rows["part"] == "train") & (rows["origin"] == "real")]["label"].value_counts()
    few_training = [f"{label} ({real.get(label, 0)})" for label in content.classes if real.get(label, 0) < FEW]
    limits = []
    if RENDERED not in content.notes:
        limits.append(_laboratories(content))
        ungrouped = [f"`{name}`" for name, part in content.data.items() if part.images and not part.grouped]
        if ungrouped:
            limits.append(
                f"**Cells, not patients.** The images of {', '.join(ungrouped)} do not identify patients, so training "
                "and test images may show cells of the same patient."
            )
    if few_test:
        limits.append(
            f"**Few test images** of {', '.join(few_test)}: their scores are unreliable, whatever the interval."
        )
    if few_training:
        limits.append(f"**Few real training images** of {', '.join(few_training)}.")
    if content.stain is not None and content.stain.direction == "per_class":
        limits.append(_PER_CLASS)
    limits.append("**One training.** Another seed gives another model; the report shows how much seeds differ.")
    return _bullets(limits)


def _laboratories(content: ModelFile) -> str:
    n = sum(part.images > 0 for part in content.data.values())
    if n == 1:
        return (
            "**One laboratory.** All images come from one laboratory. Scores on images of another laboratory are "
            "unknown."
        )
    return (
        f"**{n} laboratories.** All images come from {n} laboratories. A class that only one of them has can be "
        "recognised by anything that distinguishes the laboratories. Scores on images of another laboratory are "
        "unknown."
    )


def _usage(content: ModelFile) -> str:
    options = ", ".join(f"`--source {name}`" for name in content.frame.fields)
    estimate = "; `--field auto` estimates it from the cells" if content.frame.cell_sizes else ""
    return (
        "```\nhemabalance predict model.json IMAGES --out predictions.csv\nhemabalance export model.json --onnx "
        "model.onnx\n```\n\nKeep the files of this folder together; it can be copied to any place.\n\nThe share of the "
        f"frame that is used is that of the source that an image is taken for: {options}, or `--field` for images of "
        f"another scale{estimate}. Weights sha256 `{content.sha256.weights}`, balanced set sha256 "
        f"`{content.sha256.balanced}`, written by hemabalance {content.hemabalance}."
    )


def _value(metric: Mapping[str, Any]) -> str:
    if metric["value"] is None:
        return NOT_ESTIMABLE
    if metric["low"] is None or metric["high"] is None:
        return f"{metric['value']:.3f}"
    return f"{metric['value']:.3f} ({metric['low']:.3f} to {metric['high']:.3f})"


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
