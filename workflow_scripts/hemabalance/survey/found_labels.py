"""The labels and groups that were found for the images of a laboratory, and the settings that find them again."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MOST_LABELS = 200
"""Names of more kinds than this are no labels, but names of patients, dates or numbers."""


@dataclass(frozen=True)
class FoundLabels:
    """Labels and groups of a laboratory.

    Attributes:
        how: where they were found, in words.
        settings: the value of `labels` of the source in a config: `folders`, `none`, or a section.
        labels: image -> label as found; an image without one is missing.
        groups: image -> patient or slide; empty if nothing names them.
        notes: what a person should know, a sentence each.
    """

    how: str
    settings: str | dict[str, Any]
    labels: dict[str, str] = field(default_factory=dict)
    groups: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def counts(self) -> Counter[str]:
        """Label -> number of images."""
        return Counter(self.labels.values())
