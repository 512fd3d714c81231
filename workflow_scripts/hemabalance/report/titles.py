"""What the page shows, in order, and what it says above each table and figure: the words are in `titles.yaml`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any, get_args

import yaml

from hemabalance.protocols import Protocol
from hemabalance.report.classify.classifier_results import as_share
from hemabalance.report.reported import reported_tables

_WILDCARDS = {
    "{protocol}": f"(?P<protocol>{'|'.join(get_args(Protocol))})",
    "{normalizer}": "(?P<normalizer>.+)",
    "{generator}": "(?P<generator>.+)",
    "{experiment}": "(?P<experiment>.+)",
}


@dataclass(frozen=True)
class PageSection:
    """A part of the page.

    Attributes:
        title: its heading.
        note: below it.
        titles: file name, in which `{protocol}`, `{normalizer}`, `{generator}` and `{experiment}` stand for any ->
            title and note, in which they are yet to be filled in.
    """

    title: str
    note: str
    titles: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """Where a file stands on the page, and what stands above it."""

    section: str
    order: int
    title: str
    note: str


@cache
def sections() -> Mapping[str, PageSection]:
    """The sections of the page, by name, in their order."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("titles.yaml").read_text("utf-8"))
    return {
        name: PageSection(
            _filled(section["title"]),
            _filled(section["note"]),
            {file: (words["title"], words["note"]) for file, words in section["shown"].items()},
        )
        for name, section in loaded.items()
    }


def place_of(file: str) -> Place:
    """The place of a table or figure, by its file name.

    Raises:
        KeyError: no section lists it.
    """
    for name, section in sections().items():
        for order, (pattern, (title, note)) in enumerate(section.titles.items()):
            found = re.fullmatch(_as_regex(pattern), file)
            if found:
                return Place(name, order, _filled(title, **found.groupdict()), _filled(note, **found.groupdict()))
    raise KeyError(f"{file} has no title in report/titles.yaml")


def _as_regex(pattern: str) -> str:
    expression = re.escape(pattern)
    for wildcard, matches in _WILDCARDS.items():
        expression = expression.replace(re.escape(wildcard), matches)
    return expression


def _filled(words: str, **names: str) -> str:
    return _Words().format(words, reported=reported_tables(), **names)


class _Words(Formatter):
    """`str.format` that knows `:share`: percent of the thesis as a share of 1."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return as_share(value) if format_spec == "share" else str(super().format_field(value, format_spec))
