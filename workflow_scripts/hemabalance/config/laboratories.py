"""The classes and the reference of a run, and checks of its sources against them."""

import difflib
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from hemabalance.classes import RESERVED
from hemabalance.config.preset import near_source
from hemabalance.config.sources import SourceConfig

SHORT_LABELS: dict[str, dict[str, Any]] = {"folders": {}, "none": {"unlabelled": True}}


def complete_laboratories(values: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a config with sorted `classes`, a `reference`, and sections in place of short forms of `labels`.

    By default the classes are all that the sources' maps name, and the reference is the first source.
    """
    sources = values.get("sources")
    if not isinstance(sources, Mapping):
        return dict(values)  # the validation refuses it
    sources = {name: _with_labels(source) for name, source in sources.items()}
    classes = values.get("classes") or sorted(_named_classes(sources.values()))
    return {
        **values,
        "sources": sources,
        "classes": sorted(classes, key=str) if isinstance(classes, list) else classes,
        "reference": values.get("reference") or next(iter(sources), ""),
    }


def _with_labels(source: Any) -> Any:
    labels = source.get("labels") if isinstance(source, Mapping) else None
    return {**source, "labels": SHORT_LABELS[labels]} if isinstance(labels, str) and labels in SHORT_LABELS else source


def _named_classes(sources: Iterable[Any]) -> set[str]:
    maps = [mapping for source in map(_mapping, sources) for mapping in _class_maps(source)]
    return {name for mapping in maps for name in mapping.values() if isinstance(name, str)}


def _class_maps(source: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [_mapping(source.get("classes")), *map(_mapping, _mapping(source.get("subtypes")).values())]


def check_laboratories(sources: Mapping[str, SourceConfig], classes: Collection[str], reference: str) -> None:
    """Check that sources, classes and reference fit together.

    Raises:
        ValueError: a source without an archive, or with the ids of another one; fewer than two classes, a class that no
            source can have or that is listed twice, a reserved name; no source with labels; a reference that is no
            source.
    """
    for name, source in sources.items():
        if source.origin != "phantom" and not source.archive:
            raise ValueError(f"sources.{name}.archive is missing: path of a zip, a tar or an unpacked folder")
    ids = [source.ids or name for name, source in sources.items()]
    if repeated := sorted({first for first in ids if ids.count(first) > 1}):
        raise ValueError(f"sources: the images of two sources would have ids that start with {repeated[0]!r}")
    if reference not in sources:
        raise ValueError(f"reference is {reference!r}, which is not in sources: {', '.join(sources)}")
    labelled = {name: source for name, source in sources.items() if source.labelled}
    if not labelled:
        raise ValueError("sources: every source has `labels: none`; at least one needs labels")
    for name, source in labelled.items():
        if not source.named_classes and not classes:
            near = near_source(name)
            hint = f" (did you mean {near!r}, with preset: thesis?)" if near else ""
            raise ValueError(f"'sources.{name}'{hint} names no classes: write {name}.classes, labels as found -> class")
        for label in sorted(source.named_classes - set(classes)):
            near_classes = difflib.get_close_matches(label, classes, n=1)
            hint = f", did you mean {near_classes[0]!r}" if near_classes else ""
            raise ValueError(f"sources.{name}.classes names {label!r}, which is not in classes{hint}")
    if reserved := sorted(set(classes) & set(RESERVED)):
        raise ValueError(f"classes: {reserved[0]!r} is a reserved word, choose another name")
    if len(set(classes)) < max(len(classes), 2):
        raise ValueError(f"classes: at least two different classes are needed, found {', '.join(classes)}")
    if all(source.classes for source in labelled.values()):
        reachable = set().union(*(source.named_classes for source in labelled.values()))
        if missing := sorted(set(classes) - reachable):
            raise ValueError(f"classes lists {missing[0]!r}, which no source has: add it to sources.<source>.classes")


def _mapping(value: Any) -> Mapping[Any, Any]:
    return value if isinstance(value, Mapping) else {}
