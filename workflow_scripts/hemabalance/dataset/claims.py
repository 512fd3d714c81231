"""Check that every source, label and class of a manifest has its use, before anything is built on the manifest."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from hemabalance.dataset.class_map import ClassMap
from hemabalance.errors import InputError

log = logging.getLogger(__name__)


def check_claims(
    manifest: pd.DataFrame, maps: Mapping[str, ClassMap], classes: Sequence[str], *, allow_unclaimed: bool
) -> None:
    """Check a manifest against the classes and sources of the config.

    Args:
        manifest: rows of all sources (`manifest_table.SCHEMA`).
        maps: source -> the classes of its labels.
        classes: the classes of the run.
        allow_unclaimed: log a warning instead of raising an error.

    Raises:
        InputError: no image of a source is kept; labels are claimed by no class; a class has no image.
    """
    problems = [problem for source in sorted(maps) for problem in _problems_of(source, manifest, maps[source])]
    problems = problems or list(_empty_classes(manifest, maps, classes))
    if allow_unclaimed:
        for problem in problems:
            log.warning("%s", problem)
    elif problems:
        first, *rest = problems
        found = "; ".join([first.problem, *(f"{problem.where}: {problem.problem}" for problem in rest)])
        remedies = "; ".join(problem.remedy for problem in problems)
        raise InputError(first.where, found, f"{remedies}; or set allow_unclaimed: true")


def _problems_of(source: str, manifest: pd.DataFrame, classes: ClassMap) -> Iterator[InputError]:
    rows = manifest[manifest["source"] == source]
    images = rows[~rows["status"].isin(["not_an_image", "unreadable"])]
    unclaimed = images.loc[~images["label_raw"].isin([*classes.classes, ""]), "label_raw"].value_counts()
    unclaimed = {} if classes.unlabelled else {str(label): int(unclaimed[label]) for label in sorted(unclaimed.index)}
    where = f"sources.{source}"
    if not (rows["status"] == "kept").any() and not unclaimed:
        statuses = rows["status"].value_counts().sort_index()
        found = ", ".join(f"{count} {status}" for status, count in statuses.items()) or "the archive has no files"
        remedy = f"See the log of the rule inventory, and correct {where} or remove it"
        yield InputError(where, f"no image is kept ({found})", remedy)
    elif unclaimed:
        found = ", ".join(f"{classes.found_in} {label!r} ({_images(n)})" for label, n in unclaimed.items())
        lines = ", ".join(
            f"{json.dumps(label, ensure_ascii=False)}: {classes.nearest(label) or 'null'}" for label in unclaimed
        )
        remedy = f"Write {where}.classes: {{{lines}}} with the right classes (null leaves a label out)"
        yield InputError(where, f"claimed by no class: {found}", remedy)


def _empty_classes(
    manifest: pd.DataFrame, maps: Mapping[str, ClassMap], classes: Sequence[str]
) -> Iterator[InputError]:
    kept = manifest[manifest["status"] == "kept"]
    for name in sorted(set(classes) - set(kept["label"])):
        statuses = manifest.loc[manifest["label"] == name, "status"].value_counts().sort_index()
        found = ", ".join(f"{count} {status}" for status, count in statuses.items())
        keys = [
            f"sources.{source}.classes.{label}"
            for source in sorted(maps)
            for label, claimed in maps[source].classes.items()
            if claimed == name
        ]
        remedy = f"Add images, or set {', '.join(keys)} to null and remove it from classes"
        yield InputError(f"class {name}", f"no image is kept ({found or 'none is found'})", remedy)


def _images(count: int) -> str:
    return f"{count} image{'s' if count > 1 else ''}"
