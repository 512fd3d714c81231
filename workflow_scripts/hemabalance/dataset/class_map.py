"""Labels as a source has them (names of folders, values of a table) -> classes of the run."""

import difflib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hemabalance.classes import UNDECIDED, UNLABELLED

_SPACING = re.compile(r"[\s_-]+")


def plain_form(text: str) -> str:
    """A text without case, blanks, underscores and hyphens, for comparisons of spellings."""
    return _SPACING.sub("", unicodedata.normalize("NFC", text)).casefold()


@dataclass(frozen=True)
class ClassMap:
    """The map of one source.

    Attributes:
        classes: label -> class, or None for a label that is left out on purpose.
        subtypes: label -> subtype -> class, where it differs from the class of the label.
        undecided: values of experts' columns that mean an expert did not decide.
        unlabelled: the source has no labels.
        found_in: where its labels are found: `folder`, `pattern` or `label` (a column of a table).
    """

    classes: Mapping[str, str | None]
    subtypes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    undecided: Sequence[str] = ()
    unlabelled: bool = False
    found_in: str = "folder"

    def key_of(self, label: str) -> str | None:
        """The label as the map spells it: equal, or else equal but for case, blanks, underscores and hyphens.

        Returns None if the map has no such label, or several of different classes.
        """
        if label in self.classes:
            return label
        keys = self._keys.get(plain_form(label), [])
        return keys[0] if keys and len({self.classes[key] for key in keys}) == 1 else None

    def class_of(self, label: str, subtype: str | None) -> str | None:
        """The class of an image, or None if none claims it."""
        if self.unlabelled:
            return UNLABELLED
        if subtype is not None and subtype in self.subtypes.get(label, {}):
            return self.subtypes[label][subtype]
        return self.classes.get(label)

    def is_undecided(self, value: str) -> bool:
        """Whether a value of an expert's column means that the expert did not decide."""
        return value in self.undecided or plain_form(value) in map(plain_form, self.undecided)

    def expert_class(self, value: str) -> str:
        """The class of an expert's label, or `classes.UNDECIDED`, also for a label that is left out on purpose.

        Raises:
            KeyError: the map has no such label.
        """
        if value not in self.classes and self.is_undecided(value):
            return UNDECIDED
        return self.classes[self.key_of(value) or value] or UNDECIDED

    def nearest(self, label: str) -> str | None:
        """The class of the run whose name, or whose label in this map, resembles a label most; None if none does."""
        names = {plain_form(name): name for name in self.classes.values() if name is not None}
        names |= {plain_form(key): name for key, name in self.classes.items() if name is not None}
        return next((names[near] for near in difflib.get_close_matches(plain_form(label), names, n=1)), None)

    @cached_property
    def _keys(self) -> dict[str, list[str]]:
        keys: dict[str, list[str]] = defaultdict(list)
        for key in sorted(self.classes):
            keys[plain_form(key)].append(key)
        return keys


def class_map(settings: Mapping[str, Any], classes: Sequence[str]) -> ClassMap:
    """The map of a source from its settings (`config.sources.SourceConfig.label_settings`).

    Args:
        settings: `labels`, `classes` and `subtypes` of the source. Without `classes`, its labels are names of classes.
        classes: the classes of the run.
    """
    labels = settings["labels"]
    in_pattern = labels["pattern"] is not None and "label" in re.compile(labels["pattern"]).groupindex
    return ClassMap(
        classes=settings["classes"] or {name: name for name in classes},
        subtypes=settings["subtypes"],
        undecided=tuple(labels["undecided"]),
        unlabelled=labels["unlabelled"],
        found_in="label" if labels["label"] else "pattern" if in_pattern else "folder",
    )
