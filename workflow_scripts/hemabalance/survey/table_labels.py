"""Labels, groups and experts in a table: which of its columns is which, by names first, by values second."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hemabalance.errors import InputError
from hemabalance.sources.label_table import is_missing
from hemabalance.sources.trailing_paths import match_rows, parts_of_path, stem_of
from hemabalance.survey.found_labels import MOST_LABELS, FoundLabels
from hemabalance.survey.tables import read_whole
from hemabalance.survey.vocabulary import class_of, column_rank, is_expert_column

_LEAST_KNOWN = 0.5
"""Share of values that the vocabulary knows, from which a column of an unknown name holds labels."""


@dataclass(frozen=True)
class _Columns:
    label: str | None
    group: str | None
    experts: tuple[str, ...]


def labels_of_table(
    table: str, content: bytes, images: Sequence[str], *, source: str, written: str
) -> FoundLabels | None:
    """Labels and groups of the images that a table names; None if it names none, or nothing else of use.

    Args:
        table: path of the table, for its format and for messages.
        content: content of the file.
        images: images of the laboratory.
        source: name of the laboratory.
        written: how a config names the table.

    Raises:
        InputError: as `read_label_table`; a row fits several images equally well; an image has several rows.
    """
    found = read_whole(table, content, _names_image(images), source)
    if found is None:
        return None
    frame = found.frame
    try:
        matches = match_rows(list(frame[found.image]), images)
    except InputError as error:
        raise InputError(f"{table}, {error.where}", error.problem, error.remedy) from error
    members = pd.Series([match.member if match else None for match in matches], index=frame.index)
    frame = frame[members.notna()]
    columns = _columns(frame.drop(columns=found.image))
    if frame.empty or not (columns.label or columns.group or columns.experts):
        return None
    members = members.dropna()
    if repeated := list(members[members.duplicated()]):
        raise InputError(table, f"has several rows for {repeated[0]}", "Keep one row an image")
    settings: dict[str, Any] = {"table": written}
    if found.columns:
        settings["columns"] = list(found.columns)
    settings["image"] = found.image
    if columns.label:
        settings["label"] = columns.label
    if columns.group:
        settings["group"] = columns.group
    if columns.experts:
        settings |= {"experts": list(columns.experts)} | _undecided(frame, columns)
    unmatched = len(matches) - len(frame)
    notes = [f"{unmatched} of {len(matches)} rows name no image of {source}"] if unmatched else []
    return FoundLabels(
        how=f"columns of the table {table}",
        settings=settings,
        labels=_by_image(members, frame, columns.label),
        groups=_by_image(members, frame, columns.group),
        notes=tuple(notes),
    )


def _names_image(images: Sequence[str]) -> Callable[[str], bool]:
    files = {image.rpartition("/")[2].casefold() for image in images}
    files |= {stem_of(file) for file in files}

    def names_image(cell: str) -> bool:
        parts = parts_of_path(cell)
        return bool(parts) and parts[-1].casefold() in files

    return names_image


def _by_image(members: pd.Series, frame: pd.DataFrame, column: str | None) -> dict[str, str]:
    if column is None:
        return {}
    pairs = zip(members, frame[column], strict=True)
    return {member: value for member, value in pairs if not is_missing(value)}


def _columns(frame: pd.DataFrame) -> _Columns:
    experts = [name for name in frame.columns if is_expert_column(name) and _known_share(frame[name]) > 0]
    rest = [name for name in frame.columns if name not in experts and _distinct(frame[name]) > 0]
    group = _best("group", [name for name in rest if _distinct(frame[name]) > 1])
    rest = [name for name in rest if name != group]
    label = _best("label", [name for name in rest if _distinct(frame[name]) <= MOST_LABELS])
    if label is None or _known_share(frame[label]) == 0:
        known = [name for name in rest if _known_share(frame[name]) >= _LEAST_KNOWN]
        label = max(known, key=lambda name: _known_share(frame[name]), default=label)
    if label is None and experts:
        label = experts[0]
    return _Columns(label, group, tuple(name for name in experts if name != label))


def _best(kind: str, names: Sequence[str]) -> str | None:
    ranked = [(rank, name) for name in names if (rank := column_rank(kind, name)) is not None]
    return min(ranked)[1] if ranked else None


def _distinct(values: pd.Series) -> int:
    return int(values[~values.map(is_missing)].nunique())


def _known_share(values: pd.Series) -> float:
    """The share of the present values that the vocabulary knows as a class."""
    counts = values[~values.map(is_missing)].value_counts()
    known = sum(
        int(count) for label, count in counts.items() if class_of(str(label)).known and class_of(str(label)).name
    )
    return known / max(1, int(counts.sum()))


def _undecided(frame: pd.DataFrame, columns: _Columns) -> dict[str, list[str]]:
    """Values of the experts' columns that name no class."""
    values = sorted({value for name in columns.experts for value in frame[name] if not is_missing(value)})
    undecided = [value for value in values if class_of(value).known and class_of(value).name is None]
    return {"undecided": undecided} if undecided else {}
