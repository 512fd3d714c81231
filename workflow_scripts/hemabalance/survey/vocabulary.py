"""Well-known names of cells, table columns and groups, from vocabulary.yaml."""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from zlib import crc32

import yaml

from hemabalance.classes import RESERVED, class_name

FILE = Path(__file__).with_name("vocabulary.yaml")

_CAMEL = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|[0-9]+")
_NOISE = frozenset({"cell"})
_NOT_PLURAL = ("ss", "us", "is")


@dataclass(frozen=True)
class ClassGuess:
    """The class of a label, or None if its images are left out; `known` if the vocabulary has the label."""

    name: str | None
    known: bool


@cache
def content() -> dict[str, Any]:
    """The content of vocabulary.yaml."""
    loaded: dict[str, Any] = yaml.safe_load(FILE.read_text("utf-8"))
    return loaded


def name_key(text: str) -> str:
    """A name without what does not count: case, accents, plural, punctuation, order of words, numbers, "cell"."""
    words = re.findall(r"[a-z]+|[0-9]+", _plain(text).lower())
    words = [_singular(word) for word in words]
    for dropped in (str.isdigit, _NOISE.__contains__):
        words = [word for word in words if not dropped(word)] or words
    return " ".join(sorted(words))


def class_of(label: str) -> ClassGuess:
    """The class of a label as found: the vocabulary's, or a name made of the label itself.

    A label without a letter or digit that ASCII has, such as one in Chinese, becomes `class_` and a checksum of it.
    """
    classes, no_class = _class_keys()
    if not any(character.isalnum() for character in label):
        return ClassGuess(None, True)  # `-`, `?`, or nothing
    for key in map(name_key, _readings(label)):
        if key in classes:
            return ClassGuess(classes[key], True)
        if key in no_class:
            return ClassGuess(None, True)
    name = class_name(_plain(label)) or f"class_{crc32(label.encode()):08x}"
    return ClassGuess(None, False) if name in RESERVED else ClassGuess(name, False)


def part_of(name: str) -> str | None:
    """The class that contains a finer one, or None."""
    found: str | None = content()["part_of"].get(name)
    return found


def is_part(folder: str) -> bool:
    """Whether a folder's name divides a data set, such as `train`, and says nothing about its cells."""
    return name_key(folder) in _keys("parts")


def group_pattern() -> str:
    """Regular expression, for any case, of a name such as `patient_12` or `slide-A3`."""
    words = "|".join(map(re.escape, content()["groups"]))
    return rf"(?i:(?:{words})[ _-]?[0-9]+[a-z]?|(?:{words})[ _-][a-z0-9]+)"


def column_rank(kind: str, column: str) -> int | None:
    """The place of a column's name among those of its kind (image, label, group), 0 for the best; None if unknown."""
    keys = _keys(kind, section="columns")
    return keys.get(_column_key(column))


def is_expert_column(column: str) -> bool:
    """Whether a column's name is that of a further expert's labels, such as `expert_2` or `Reader B`."""
    return any(word in _keys("expert", section="columns") for word in map(_column_key, _words(column)))


def _plain(text: str) -> str:
    """A text with accents removed and with the German sharp s in two letters."""
    decomposed = unicodedata.normalize("NFKD", text.replace("ß", "ss"))
    return "".join(character for character in decomposed if not unicodedata.combining(character))


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith(_NOT_PLURAL) else word


def _words(text: str) -> list[str]:
    return _CAMEL.findall(_plain(text))


def _readings(label: str) -> Iterator[str]:
    """The label, its words if written in one (`BandNeutrophil`), and what stands outside and inside parentheses."""
    yield label
    yield " ".join(_words(label))
    if found := re.search(r"[(\[](.+?)[)\]]", label):
        yield label.replace(found[0], " ")
        yield found[1]


def _column_key(column: str) -> str:
    """Words of a column's name in their order: `PatientID`, `patient_id` and `Patient ID` are one name."""
    return "".join(word.lower() for word in _words(column))


@cache
def _keys(name: str, *, section: str | None = None) -> dict[str, int]:
    names = content()[section][name] if section else content()[name]
    key = _column_key if section else name_key
    return {key(str(each)): place for place, each in reversed(list(enumerate(names)))}


@cache
def _class_keys() -> tuple[dict[str, str], frozenset[str]]:
    known: dict[str, str] = {}
    for name, others in content()["classes"].items():
        for each in (name, *others):
            if known.setdefault(name_key(each), name) != name:
                raise ValueError(f"{FILE}: {each!r} is a name of {known[name_key(each)]} and of {name}")
    return known, frozenset(map(name_key, content()["no_class"]))
