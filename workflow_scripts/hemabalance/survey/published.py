"""Recognise public archives that a preset describes, by their folders and file names, whatever they are called."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hemabalance.presets import preset
from hemabalance.survey.vocabulary import content

_LEAST_MATCHED = 0.99  # share of images
_LEAST_FOLDERS = 0.7  # share of the folders of the public archive; a part of it may lack a rare class


@dataclass(frozen=True)
class PublishedSource:
    """A source of a preset."""

    preset: str
    source: str

    @property
    def entry(self) -> Mapping[str, Any]:
        """The source's keys in the preset."""
        entry: Mapping[str, Any] = preset(self.preset)["sources"][self.source]
        return entry


def published_source(images: Sequence[str]) -> PublishedSource | None:
    """The source of a preset whose files are called like these images, or None."""
    folders = Counter(image.split("/")[-2] for image in images if "/" in image)
    for name, patterns in content()["published"].items():
        for source, pattern in patterns.items():
            found = PublishedSource(name, source)
            known = set(found.entry["classes"])
            in_known = sum(count for folder, count in folders.items() if folder in known)
            named = sum(re.search(pattern, image) is not None for image in images)
            enough = len(known & set(folders)) >= _LEAST_FOLDERS * len(known)
            if enough and min(in_known, named) >= _LEAST_MATCHED * len(images):
                return found
    return None


def common_preset(sources: Sequence[PublishedSource | None]) -> str | None:
    """The preset whose sources these are, each once; None if one is of no preset or of another."""
    presets = {source.preset for source in sources if source}
    names = [source.source for source in sources if source]
    complete = len(presets) == 1 and len(set(names)) == len(sources)
    return presets.pop() if complete else None
