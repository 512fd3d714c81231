"""Check that every source, label and class of a manifest has its use, before anything is built on the manifest."""

import json
import logging
from collections.abc import Iterator, Mapping, Sequence

import pandas as pd

from hemabalance.dataset.class_map import ClassMap
from hemabalance.errors import InputError

log = logging.getLogger(__name__)


def check_labels(inventories: pd.DataFrame, maps: Mapping[str, ClassMap], *, allow_unclaimed: bool) -> None:
    """Check that the classes claim every label of the images.

    Args:
        inventories: rows of all sources (`sources.inventory.take_inventory`): `source, label_raw, content`.
        maps: source -> the classes of its labels.
        allow_unclaimed: log a warning instead of raising an error.

    Raises:
        InputError: names the labels, the numbers of their images and the line of the config to write.
    """
    images = inventories[inventories["content"] == "image"]
    _report(
        [problem for source in sorted(maps) for problem in _unclaimed(source, images, maps[source])], allow_unclaimed
    )


def check_kept(
    manifest: pd.DataFrame, maps: Mapping[str, ClassMap], classes: Sequence[str], *, allow_unclaimed: bool
) -> None:
    """Check that each source and each class has an image.

    Args:
        manifest: rows of all sources (`manifest_table.SCHEMA`).
        maps: source -> the classes of its labels.
        classes: the classes of the run.
        allow_unclaimed: log a warning instead of raising an error.

    Raises:
        InputError: names the source or the class, and what became of its images.
    """
    problems = [problem for source in sorted(maps) for problem in _empty_source(source, manifest)]
    _report(problems or list(_empty_classes(manifest, maps, classes)), allow_unclaimed)


def _report(problems: Sequence[InputError], allow_unclaimed: bool) -> None:
    if allow_unclaimed:
        for problem in problems:
            log.warning("%s", problem)
    elif problems:
        first, *rest = problems
        found = "; ".join([first.problem, *(f"{problem.where}: {problem.problem}" for problem in rest)])
        remedies = "; ".join(problem.remedy for problem in problems)
        raise InputError(first.where, found, f"{remedies}; or set allow_unclaimed: true")


def _unclaimed(source: str, images: pd.DataFrame, classes: ClassMap) -> Iterator[InputError]:
    labels = images.loc[images["source"] == source, "label_raw"]
    counts = labels[~labels.isin([*classes.classes, ""])].value_counts().sort_index()
    if len(counts) and not classes.unlabelled:
        where = f"sources.{source}"
        found = ", ".join(f"{classes.found_in} {label!r} ({_images(count)})" for label, count in counts.items())
        lines = ", ".join(
            f"{json.dumps(label, ensure_ascii=False)}: {classes.nearest(label) or 'null'}" for label in counts.index
        )
        remedy = f"Add to {where}.classes: {{{lines}}} with the right classes (null leaves a label out)"
        yield InputError(where, f"claimed by no class: {found}", remedy)


def _empty_source(source: str, manifest: pd.DataFrame) -> Iterator[InputError]:
    statuses = manifest.loc[manifest["source"] == source, "status"].value_counts().sort_index()
    if "kept" not in statuses:
        found = ", ".join(f"{count} {status}" for status, count in statuses.items()) or "the archive has no files"
        remedy = f"See the log of the rule inventory, and correct sources.{source} or remove it"
        yield InputError(f"sources.{source}", f"no image is kept ({found})", remedy)


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
