"""The sources of images, one module each; a name in config maps to a module path, imported on use."""

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

MODULES = {
    "mendeley": "hemabalance.sources.mendeley",
    "tcia": "hemabalance.sources.tcia",
}


@dataclass(frozen=True)
class Annotation:
    """One row of a source's annotation file: the label it repeats, and up to two re-annotations."""

    label: str
    reannotation_1: str | None
    reannotation_2: str | None


class Source(Protocol):
    """What every source module provides."""

    SIDECARS: tuple[str, ...]
    """File names beside the images that describe them and are no images themselves, the annotations first."""

    def subtype_of(self, file_name: str) -> str | None:
        """The finer cell type that the file name carries, or None."""

    def annotations_of(self, sidecars: dict[str, bytes]) -> dict[str, Annotation]:
        """`<folder>/<file>` -> annotation, from the sidecar files; empty where the source has none."""


def source_module(name: str) -> Source:
    """The module that knows the archive layout of source `name`."""
    return cast(Source, importlib.import_module(MODULES[name]))
