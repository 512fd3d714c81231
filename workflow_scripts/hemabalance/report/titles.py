"""Order, titles and notes of the tables and figures on the page, read from `titles.yaml`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from hemabalance.protocols import PROTOCOLS
from hemabalance.report.classify.classifier_results import as_share
from hemabalance.report.reported import THESIS, reported_tables
from hemabalance.report.synthesis.trust import RULES

_WILDCARDS = {
    "{protocol}": f"(?P<protocol>{'|'.join(PROTOCOLS)})",
    "{normalizer}": "(?P<normalizer>.+?)",
    "{generator}": "(?P<generator>.+)",
    "{experiment}": "(?P<experiment>.+)",
    "{source}": "(?P<source>.+)",
    "{pair}": "(?:_of_(?P<pair>.+))?",
}
# What a file is about, if its name has one of these; a generator on images of a normaliser is about the generator.
_METHODS = {"generator": "generator", "normalizer": "normaliser", "experiment": "experiment"}


@dataclass(frozen=True)
class PageSection:
    """A section of the page.

    Attributes:
        title: heading.
        note: text below the heading.
        titles: pattern of file names -> title and note. All three may contain the fields `{protocol}`, `{normalizer}`,
            `{generator}`, `{experiment}` and `{source}`, which stand for any name, and `{pair}`, see `titles.yaml`.
            `{trust_rules}` in a note is `report.synthesis.trust.RULES`.
    """

    title: str
    note: str
    titles: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Place:
    """Section and order of a file on the page, with its title and note.

    Attributes:
        section: name of the section.
        order: place in the section.
        title: heading.
        note: text below the heading.
        method: the single method that the file is about, such as `generator infogan`; empty if it is about several.
    """

    section: str
    order: int
    title: str
    note: str
    method: str


@cache
def sections(preset: str) -> Mapping[str, PageSection]:
    """The sections of the page by name, in order; with text about the thesis only if the preset is `thesis`."""
    loaded: dict[str, Any] = yaml.safe_load(Path(__file__).with_name("titles.yaml").read_text("utf-8"))
    return {
        name: PageSection(
            _fill_in(_of_preset(section["title"], preset)),
            _fill_in(_of_preset(section["note"], preset)),
            {
                file: (_of_preset(entry["title"], preset), _of_preset(entry["note"], preset))
                for file, entry in section["shown"].items()
            },
        )
        for name, section in loaded.items()
    }


def place_of(file: str, preset: str) -> Place:
    """Find the entry of a table or figure by its file name; `preset` as in `sections`.

    Raises:
        KeyError: no entry matches the file name.
    """
    for name, section in sections(preset).items():
        for order, (pattern, (title, note)) in enumerate(section.titles.items()):
            match = re.fullmatch(_as_regex(pattern), file)
            if match:
                names = match.groupdict("")
                if names.get("pair"):
                    names["pair"] = f", source B: {names['pair']}"
                method = next((f"{_METHODS[kind]} {names[kind]}" for kind in _METHODS if kind in names), "")
                return Place(name, order, _fill_in(title, **names), _fill_in(note, **names), method)
    raise KeyError(f"{file} has no title in report/titles.yaml")


def _of_preset(text: str, preset: str) -> str:
    """The text with its parts in double brackets if the preset is `thesis`, else without."""
    return re.sub(r"\[\[(.*?)\]\]", r"\1" if preset == THESIS else "", text, flags=re.DOTALL)


def _as_regex(pattern: str) -> str:
    expression = re.escape(pattern)
    for wildcard, matches in _WILDCARDS.items():
        expression = expression.replace(re.escape(wildcard), matches)
    return expression


def _fill_in(text: str, **names: str) -> str:
    return _ReportFormatter().format(text, reported=reported_tables(), trust_rules=RULES, **names)


class _ReportFormatter(Formatter):
    """`str.format` with the format `:share`, which converts percent to a share of 1."""

    def format_field(self, value: Any, format_spec: str) -> str:
        return as_share(value) if format_spec == "share" else str(super().format_field(value, format_spec))
