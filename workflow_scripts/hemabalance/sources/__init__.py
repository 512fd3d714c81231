"""Image sources, one module each. MODULES maps a source's name in the config to its module, imported on first use."""

import importlib
from dataclasses import dataclass
from typing import Protocol, cast

MODULES = {
    "mendeley": "hemabalance.sources.mendeley",
    "tcia": "hemabalance.sources.tcia",
}


@dataclass(frozen=True)
class Annotation:
    """One row of a source's annotation file: the label, and up to two re-annotations."""

    label: str
    reannotation_1: str | None
    reannotation_2: str | None


class Source(Protocol):
    """Interface of a source module."""

    SIDECARS: tuple[str, ...]
    """Names of the metadata files in the archive that are not images; the annotation file comes first."""

    def subtype_of(self, file_name: str) -> str | None:
        """Return the finer cell type that the file name encodes, or None."""

    def annotations_of(self, sidecars: dict[str, bytes]) -> dict[str, Annotation]:
        """Read the annotations from the content of the sidecar files (name -> bytes).

        Returns:
            `<folder>/<file>` -> annotation; empty if the source has no annotations.
        """


def source_module(name: str) -> Source:
    """Import and return the module of source `name`."""
    return cast(Source, importlib.import_module(MODULES[name]))
