"""The model file: `model.json` beside the weights says all that prediction needs and a reader should know."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from hemabalance.classify.facts import (
    FORMAT,
    RENDERED,
    RESEARCH,
    Boundaries,
    Bundle,
    Data,
    Frame,
    Hashes,
    Measured,
    Stain,
)
from hemabalance.errors import InputError
from hemabalance.files import sha256_file, write_json
from hemabalance.protocols import Protocol
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import SourceEntry
from hemabalance.taxonomy import CLASSES
from hemabalance.training.weights import read_description

__all__ = [
    "LOOK",
    "MODEL",
    "WEIGHTS",
    "Bundle",
    "Frame",
    "Opened",
    "Origin",
    "Stain",
    "check_file",
    "read_bundle",
    "stain_of",
    "write_bundle",
]

MODEL, WEIGHTS, LOOK = "model.json", "weights.safetensors", "unlike.safetensors"
_AGAIN = "Take all files of the model from one place, or run the workflow again"


@dataclass(frozen=True)
class Opened:
    """A model file that was read and checked.

    Attributes:
        path: of `model.json`.
        facts: its content.
    """

    path: Path
    facts: Bundle

    def beside(self, name: str) -> Path:
        """A file that is named relative to it."""
        return self.path.parent / name

    def archive_limits(self) -> Limits:
        """What an archive of images to predict may contain."""
        return Limits(**self.facts.limits.model_dump())


@dataclass(frozen=True)
class Origin:
    """What a model came from: names in config, and the seed of its training."""

    experiment: str
    recipe: str
    protocol: Protocol
    seed: int


def stain_of(
    name: str,
    method: str,
    settings: Mapping[str, Any],
    *,
    direction: str,
    classes: Sequence[str],
    weights: Path,
    model: Path,
) -> Stain | None:
    """A normaliser as a model file names it; None where it leaves all images as they are.

    Args:
        name, method, settings: of the normaliser in config.
        direction, classes: which images it mapped; the direction `none` for a method that changes none.
        weights: its file.
        model: the `model.json` to be written.
    """
    if direction == "none":
        return None
    return Stain(
        name=name,
        method=method,
        settings=json.loads(json.dumps(settings)),
        direction=direction,
        classes=tuple(classes),
        weights=Path(os.path.relpath(weights, model.parent)).as_posix(),
        sha256=sha256_file(weights),
    )


def write_bundle(
    path: Path,
    origin: Origin,
    frame: Frame,
    limits: Limits,
    stain: Stain | None,
    sources: Mapping[str, SourceEntry],
    rows: pd.DataFrame,
    *,
    rendered: bool,
    balanced: Path,
    calibration: Path,
    metrics: Path,
) -> None:
    """Write `model.json` beside `weights.safetensors` and `unlike.safetensors`.

    Args:
        path: the file to write, in the folder of the two others.
        origin: what the model came from.
        frame: how photographs are prepared.
        limits: of archives of images to predict.
        stain: the normaliser of its images, None for none.
        sources: what is known of the public archives.
        rows: the balanced set (`balance.balanced_set.SCHEMA`).
        rendered: whether the images are the phantom's.
        balanced: file of the balanced set.
        calibration, metrics: what was measured of the model.

    Raises:
        InputError: the weights are missing or foreign, or the disk is full.
    """
    described = read_description(path.parent / WEIGHTS)
    own = rows[(rows["part"] == "train") & (rows["origin"] == "real")]["source"].value_counts()
    measured = json.loads(metrics.read_text("utf-8"))
    facts = Bundle(
        format=FORMAT,
        hemabalance=_version(),
        **vars(origin),
        method=described["method"],
        classes=tuple(described["classes"]),
        size=described["size"],
        frame=frame,
        limits=Boundaries(**vars(limits)),
        stain=stain,
        temperature=json.loads(calibration.read_text("utf-8"))["temperature"],
        sha256=Hashes(
            weights=sha256_file(path.parent / WEIGHTS),
            unlike=sha256_file(path.parent / LOOK),
            balanced=sha256_file(balanced),
        ),
        metrics={name: Measured(**found) for name, found in measured["metrics"].items()},
        data={name: _data(entry, int(own.get(name, 0)), rendered) for name, entry in sources.items()},
        notes=(RESEARCH, *([RENDERED] if rendered else [])),
    )
    write_json(facts.model_dump(mode="json"), path)


def read_bundle(path: Path) -> Opened:
    """Read a model file and check what lies beside it.

    Args:
        path: `model.json`, the weights beside it, or the folder of both.

    Raises:
        InputError: it is missing, no model file, of another format or other classes, or the files beside it are
            missing or not those that it was written with.
    """
    if path.is_dir():
        path = path / MODEL
    elif path.suffix == ".safetensors":
        path = path.with_name(MODEL)
    opened = Opened(path, _facts(path))
    if opened.facts.classes != CLASSES:
        other = sorted(set(opened.facts.classes) ^ set(CLASSES))
        problem = f"knows other classes ({', '.join(other)} differ)" if other else "has its classes in another order"
        raise InputError(path, problem, "Use the version of hemabalance that it was made with")
    check_file(opened.beside(WEIGHTS), opened.facts.sha256.weights)
    check_file(opened.beside(LOOK), opened.facts.sha256.unlike)
    return opened


def check_file(path: Path, sha256: str) -> None:
    """Refuse a file that a model file does not mean.

    Raises:
        InputError: it is missing, or its content differs.
    """
    if not path.is_file():
        raise InputError(path, f"is missing, which {MODEL} names", _AGAIN)
    if sha256_file(path) != sha256:
        raise InputError(path, f"is not the file that {MODEL} was written with (its sha256 differs)", _AGAIN)


def _facts(path: Path) -> Bundle:
    remedy = f"Give the {MODEL} of a trained classifier, or the folder that it is in"
    try:
        told = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise InputError(path, "there is no such file", remedy) from error
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as JSON ({error})", remedy) from error
    if not isinstance(told, dict) or "format" not in told:
        raise InputError(path, "is no model file", remedy)
    if told["format"] != FORMAT:
        made = f", written by hemabalance {told['hemabalance']}" if "hemabalance" in told else ""
        problem = f"is of format {told['format']}{made}; this version reads format {FORMAT}"
        raise InputError(
            path, problem, "Use the version of hemabalance that it was made with, or train the model again"
        )
    try:
        return Bundle.model_validate(told)
    except ValidationError as error:
        first = error.errors()[0]
        at = ".".join(map(str, first["loc"]))
        raise InputError(path, f"is no sound model file (key {at}: {first['msg']})", _AGAIN) from error


def _data(entry: SourceEntry, images: int, rendered: bool) -> Data:
    if rendered:
        title = f"rendered cells in the look of {entry.title}"
        return Data(images=images, title=title, doi="none", licence="MIT", citation="hemabalance")
    return Data(images=images, title=entry.title, doi=entry.doi, licence=entry.licence, citation=entry.citation)


def _version() -> str:
    try:
        return version("hemabalance")
    except PackageNotFoundError:
        return "not installed"
