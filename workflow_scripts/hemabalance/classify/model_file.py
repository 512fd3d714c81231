"""The model file `model.json` beside the weights: what prediction needs, and the origin of the model."""

import json
import os
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from hemabalance.classify.model_schema import (
    FORMAT,
    READABLE,
    RENDERED,
    RESEARCH,
    Boundaries,
    Frame,
    MetricValue,
    ModelFile,
    ModelHashes,
    SourceColours,
    SourceData,
    Stain,
    StainWeights,
)
from hemabalance.dataset.fields import Fields, numbers_of
from hemabalance.errors import InputError
from hemabalance.files import sha256_file, write_json
from hemabalance.protocols import Protocol
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.training.weights import read_description

__all__ = [
    "DETECTOR",
    "MODEL",
    "WEIGHTS",
    "Deployment",
    "Frame",
    "ModelFile",
    "OpenedModelFile",
    "Stain",
    "TrainingOrigin",
    "check_file",
    "frame_of",
    "read_model_file",
    "stain_of",
    "write_model_file",
]

MODEL, WEIGHTS, DETECTOR = "model.json", "weights.safetensors", "out_of_distribution.safetensors"
NO_LICENCE = "no licence given"
"""In place of the licence of a source that is not in the catalogue."""

_RESTORE = "Copy all files of the model from the same folder, or run the workflow again"


@dataclass(frozen=True)
class OpenedModelFile:
    """A model file that was read and checked.

    Attributes:
        path: path of `model.json`.
        content: content of the file.
    """

    path: Path
    content: ModelFile

    def beside(self, name: str) -> Path:
        """The path of a file that is named relative to `model.json`."""
        return self.path.parent / name

    def archive_limits(self) -> Limits:
        """Limits on archives of images to predict."""
        return Limits(**self.content.limits.model_dump())


@dataclass(frozen=True)
class TrainingOrigin:
    """Names in config behind a model, and the seed of its training."""

    experiment: str
    recipe: str
    protocol: Protocol
    seed: int


@dataclass(frozen=True)
class Deployment:
    """What `model.json` says besides the files of the model.

    Attributes:
        origin: names in config and seed.
        frame: how photographs are made square.
        limits: limits on archives of images to predict.
        stain: normaliser of the training images; None for none.
        sources: catalogue entries of the public archives, by source; sources of the run may be missing.
        grouped: the sources whose images name a patient, slide or other group.
        rendered: whether the images are rendered by the phantom.
        colours: source -> colours of its training images before normalisation.
    """

    origin: TrainingOrigin
    frame: Frame
    limits: Limits
    stain: Stain | None
    sources: Mapping[str, SourceEntry]
    grouped: Collection[str]
    rendered: bool
    colours: Mapping[str, SourceColours] = field(default_factory=dict)


def stain_of(
    name: str,
    method: str,
    settings: Mapping[str, Any],
    *,
    direction: str,
    classes: Sequence[str] | None,
    reference: str,
    weights: Mapping[str, Path],
    model: Path,
) -> Stain | None:
    """The normaliser's entry in a model file; None for a normaliser that changes no image or has no source to map.

    Args:
        name, method, settings: name, method and settings of the normaliser in config.
        direction, classes: which images it mapped; `none` for a method that changes no image.
        reference: the source to or from whose stain images are mapped.
        weights: other source -> file of the weights between its stain and that of the reference, in the folder of the
            model.
        model: the `model.json` to be written.
    """
    if direction == "none" or not weights:
        return None
    return Stain(
        name=name,
        method=method,
        settings=json.loads(json.dumps(settings)),
        direction=direction,
        classes=None if classes is None else tuple(classes),
        reference=reference,
        sources={
            source: StainWeights(weights=Path(os.path.relpath(path, model.parent)).as_posix(), sha256=sha256_file(path))
            for source, path in weights.items()
        },
    )


def frame_of(*, fields: Fields, resolved: Sequence[str], **frame: Any) -> Frame:
    """How photographs are made square.

    Args:
        fields: source -> `field` in config.
        resolved: see `dataset.fields.numbers_of`.
        frame: the other attributes of `Frame`.
    """
    return Frame(fields=numbers_of(fields, resolved), **frame)


def write_model_file(
    path: Path, deployment: Deployment, rows: pd.DataFrame, *, balanced: Path, calibration: Path, metrics: Path
) -> None:
    """Write `model.json` beside `weights.safetensors` and `out_of_distribution.safetensors`.

    Args:
        path: file to write, in the folder of the other two.
        deployment: origin, preparation of images and data behind the model.
        rows: the balanced set (`balance.balanced_set.SCHEMA`).
        balanced: file of the balanced set.
        calibration, metrics: the model's `calibration.json` and `metrics.json`.

    Raises:
        InputError: the weights are missing or not of a model, or the disk is full.
    """
    description = read_description(path.parent / WEIGHTS)
    counts = rows[(rows["part"] == "train") & (rows["origin"] == "real")]["source"].value_counts()
    measured = json.loads(metrics.read_text("utf-8"))
    content = ModelFile(
        format=FORMAT,
        hemabalance=_version(),
        **vars(deployment.origin),
        method=description["method"],
        classes=tuple(description["classes"]),
        size=description["size"],
        frame=deployment.frame,
        limits=Boundaries(**vars(deployment.limits)),
        stain=deployment.stain,
        colours=dict(deployment.colours),
        temperature=json.loads(calibration.read_text("utf-8"))["temperature"],
        sha256=ModelHashes(
            weights=sha256_file(path.parent / WEIGHTS),
            out_of_distribution=sha256_file(path.parent / DETECTOR),
            balanced=sha256_file(balanced),
        ),
        metrics={name: MetricValue(**metric) for name, metric in measured["metrics"].items()},
        data={name: _data(deployment, name, int(counts.get(name, 0))) for name in deployment.frame.fields},
        notes=(RESEARCH, *([RENDERED] if deployment.rendered else [])),
    )
    write_json(content.model_dump(mode="json"), path)


def read_model_file(path: Path) -> OpenedModelFile:
    """Read a model file and check the files beside it.

    Args:
        path: `model.json`, the weights beside it, or the folder of both.

    Raises:
        InputError: the file is missing, no model file or of another format, or a file beside it is missing or has
            another sha256 than the model file records.
    """
    if path.is_dir():
        path = path / MODEL
    elif path.suffix == ".safetensors":
        path = path.with_name(MODEL)
    opened = OpenedModelFile(path, _read_content(path))
    check_file(opened.beside(WEIGHTS), opened.content.sha256.weights)
    check_file(opened.beside(DETECTOR), opened.content.sha256.out_of_distribution)
    return opened


def check_file(path: Path, sha256: str) -> None:
    """Refuse a file that is not the one recorded in the model file.

    Raises:
        InputError: the file is missing, or its sha256 differs.
    """
    if not path.is_file():
        raise InputError(path.absolute(), f"is missing, but {MODEL} refers to it", _RESTORE)
    if sha256_file(path) != sha256:
        raise InputError(path, f"is not the file that {MODEL} refers to (its sha256 differs)", _RESTORE)


def _read_content(path: Path) -> ModelFile:
    remedy = f"Give the {MODEL} of a trained classifier, or its folder"
    try:
        document = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(path.absolute(), "does not exist", remedy) from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as JSON ({error})", remedy) from error
    if not isinstance(document, dict) or "format" not in document:
        raise InputError(path, "is no model file", remedy)
    if document["format"] not in READABLE:
        writer = f", written by hemabalance {document['hemabalance']}" if "hemabalance" in document else ""
        readable = " and ".join(map(str, READABLE))
        problem = f"has format {document['format']}{writer}; this version reads formats {readable}"
        raise InputError(path, problem, "Use the version of hemabalance that wrote it, or train the model again")
    try:
        return ModelFile.model_validate(document)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise InputError(path, f"is no valid model file (key {key}: {first['msg']})", _RESTORE) from error


def _data(deployment: Deployment, name: str, images: int) -> SourceData:
    source, known = deployment.sources.get(name), {"images": images, "grouped": name in deployment.grouped}
    if deployment.rendered:
        title = "rendered cells" if source is None else f"rendered cells imitating {source.title}"
        return SourceData(**known, title=title, doi="none", licence="MIT", citation="hemabalance")
    if source is None:
        return SourceData(**known, title="", doi="", licence=NO_LICENCE, citation="")
    return SourceData(**known, title=source.title, doi=source.doi, licence=source.licence, citation=source.citation)


def _version() -> str:
    try:
        return version("hemabalance")
    except PackageNotFoundError:
        return "not installed"
