"""Find the label, the group and the experts' labels of each image of a source: in its folders, a table or its name."""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pandas as pd

from hemabalance.classes import UNLABELLED
from hemabalance.config.sources import LabelsConfig
from hemabalance.dataset.class_map import ClassMap
from hemabalance.errors import InputError
from hemabalance.sources.containers.contract import Archive
from hemabalance.sources.label_table import is_missing, read_label_table
from hemabalance.sources.trailing_paths import Match, match_rows

MAX_NAMED = 20
"""Maximum number of items that a warning names; further ones are only counted."""


@dataclass(frozen=True)
class LabelRules:
    """How the labels of a source are found.

    Attributes:
        source: name of the source.
        config: where they are found.
        classes: the labels that are known, and their classes.
        table: the table, if it is a file on disk; otherwise it is a member of the archive.
        ids: first part of the ids of its images; None for the name of the source.
    """

    source: str
    config: LabelsConfig
    classes: ClassMap
    table: Path | None = None
    ids: str | None = None

    @property
    def columns(self) -> list[str]:
        """The columns of `found_labels`."""
        experts = [f"expert_{i}" for i in range(1, len(self.config.experts) + 1)]
        return ["label_raw", "subtype", "check_label", "group", *experts]


@dataclass(frozen=True)
class LabelTable:
    """The table of a source's labels: its name in messages, and its rows (`label_table.read_label_table`)."""

    name: str
    rows: pd.DataFrame


def open_label_table(path: Path, archive: Archive, rules: LabelRules) -> tuple[LabelTable | None, list[str]]:
    """Read the table of a source, and list the members of its archive that are no images: table and documents.

    Args:
        path: the archive's path, for messages.
        archive: the open archive.
        rules: how the labels are found.

    Returns:
        The table, None if the source has none or if an archive lacks the one with which labels are only compared; and
        the names of these members.

    Raises:
        InputError: the table is missing, occurs twice, or cannot be read.
    """
    config = rules.config
    names = [member.name for member in archive.members]
    documents = [name for name in names if name.rpartition("/")[2] in config.documents]
    if config.table is None:
        return None, documents
    if rules.table is not None:
        data = rules.table.read_bytes()
        inside = [name for name in names if (path / name).exists() and (path / name).samefile(rules.table)]
        return _label_table(str(rules.table), data, rules), [*inside, *documents]
    tables = [name for name in names if f"/{name}".endswith(f"/{config.table}")]
    if len(tables) > 1:
        raise InputError(path, f"contains {config.table} twice ({' and '.join(tables)})", "Remove one of the two")
    if not tables:
        if config.label or config.group:
            problem = f"contains no {config.table}, and there is no file {Path(config.table).absolute()}"
            raise InputError(path, problem, f"Correct sources.{rules.source}.labels.table, or put the table there")
        return None, documents
    data = next(content for _, content in archive.read(tables))
    return _label_table(f"{path}, {config.table}", data, rules), [*tables, *documents]


def _label_table(name: str, data: bytes, rules: LabelRules) -> LabelTable | None:
    if not data.strip() and not (rules.config.label or rules.config.group):
        return None
    return LabelTable(name, read_label_table(name, data, rules.config, source=rules.source))


def found_labels(
    rules: LabelRules, table: LabelTable | None, members: Sequence[str], images: Collection[str]
) -> tuple[pd.DataFrame, list[str]]:
    """Find the labels of the members of an archive.

    Args:
        rules: how they are found.
        table: the table (`open_label_table`).
        members: paths of all members.
        images: those that are images.

    Returns:
        One row a member, in their order and with them as index: `label_raw` (as the source's map spells it if the map
        has it, empty if the member has no label), `subtype, check_label, group, expert_1, …` (missing where there is
        none); and warnings.

    Raises:
        InputError: a row fits several images, two rows have one image, or no row of the labels' table has any.
    """
    config = rules.config
    found = pd.DataFrame(None, index=pd.Index(members, dtype="str"), columns=rules.columns, dtype="str")
    warnings: list[str] = []
    if config.pattern is not None:
        _set_from_pattern(found, config.pattern)
    if table is not None:
        warnings += _set_from_table(found, table, rules, images)
    elif config.table is not None:
        warnings.append(f"no annotations: {config.table} is missing or empty")
    if config.unlabelled:
        found["label_raw"] = UNLABELLED
    elif rules.classes.found_in == "folder":
        label = cache(lambda folder: _folder_label(folder.split("/"), rules.classes))
        found["label_raw"] = [label(member.rpartition("/")[0]) for member in members]
    found["label_raw"] = found["label_raw"].fillna("")
    warnings += _respell(found, rules, images)
    return found, [*warnings, *_missing_warnings(found.loc[found.index.isin(images)], rules)]


def known_folder(folders: Sequence[str], classes: ClassMap) -> str | None:
    """The innermost folder, alone or with folders that enclose it, if the map knows it; the longest such path."""
    paths = ["/".join(folders[start:]) for start in range(len(folders))]
    exact = (path for path in paths if path in classes.classes)
    return next(exact, None) or next((path for path in paths if classes.key_of(path) is not None), None)


def _folder_label(folders: Sequence[str], classes: ClassMap) -> str:
    """The innermost folder that the map knows, or else the innermost folder; empty in no folder."""
    known = (known_folder(folders[:depth], classes) for depth in range(len(folders), 0, -1))
    return next((folder for folder in known if folder is not None), folders[-1])


def _set_from_pattern(found: pd.DataFrame, pattern: str) -> None:
    expression = re.compile(pattern)
    column_of = {"label": "label_raw", "group": "group", "subtype": "subtype"}
    matches = [match.groupdict() if (match := expression.search(member)) else {} for member in found.index]
    for name in column_of.keys() & expression.groupindex.keys():
        found[column_of[name]] = pd.array([groups.get(name) for groups in matches], dtype="str")


def _set_from_table(
    found: pd.DataFrame, table: LabelTable, rules: LabelRules, images: Collection[str]
) -> Iterable[str]:
    """Copy the values of the table to the members of its rows; return warnings."""
    rows, config = table.rows, rules.config
    members = list(found.index)
    row_of = _row_of_each(table, config.image, [member for member in members if member in images])
    unmatched = rows.drop(index=row_of.values())
    others = match_rows(list(unmatched[config.image]), [member for member in members if member not in images])
    row_of |= {match.member: line for line, match in zip(unmatched.index, others, strict=True) if match and match.depth}
    if len(rows) and not row_of and (config.label or config.group):
        example = next(iter(sorted(images)), "none")
        problem = f"none of its {len(rows)} rows has an image: {rows[config.image].iloc[0]!r} first; images: {example}"
        raise InputError(table.name, problem, f"Set sources.{rules.source}.labels.image to the column of file names")
    named = {"label_raw": config.label, "group": config.group, "check_label": config.check}
    named |= {f"expert_{i}": column for i, column in enumerate(config.experts, start=1)}
    lines = [row_of[member] for member in row_of]
    for column, source_column in named.items():
        if source_column:
            values = rows.loc[lines, source_column].map(lambda value: None if _is_missing(value, rules) else value)
            found[column] = pd.Series(values.to_numpy(), index=list(row_of), dtype="str").reindex(found.index)
    return _unmatched_warnings(rows.drop(index=row_of.values())[config.image], set(images) - set(row_of))


def _row_of_each(table: LabelTable, image_column: str, images: Sequence[str]) -> dict[str, int]:
    """Image -> line of its row: the one that agrees with most of its path."""
    paths = table.rows[image_column]
    try:
        matches = match_rows(list(paths), images)
    except InputError as error:
        line = paths.index[list(paths).index(error.where)]
        raise InputError(f"{table.name}, line {line}, {error.where}", error.problem, error.remedy) from error
    best: dict[str, tuple[int, Match]] = {}
    for line, match in zip(paths.index, matches, strict=True):
        if match is None:
            continue
        if match.member in best and match.depth == best[match.member][1].depth:
            problem = f"a second row for {paths[line]}"
            raise InputError(f"{table.name}, line {line}", problem, "Keep one row per image")
        if match.member not in best or match.depth > best[match.member][1].depth:
            best[match.member] = (line, match)
    return {member: line for member, (line, _) in best.items()}


def _is_missing(value: str, rules: LabelRules) -> bool:
    """Whether a value of the table is missing; a label of the map or of the undecided values never is."""
    return is_missing(value) and value not in rules.classes.classes and value not in rules.classes.undecided


def _unmatched_warnings(rows: pd.Series, images: Collection[str]) -> Iterable[str]:
    if len(rows):
        yield f"{len(rows)} annotation rows have no image: {join_names(sorted(rows))}"
    if images:
        yield f"{len(images)} images have no annotation row: {join_names(sorted(images))}"


def _respell(found: pd.DataFrame, rules: LabelRules, images: Collection[str]) -> Iterable[str]:
    """Spell labels as the map does, and groups in one way each; return warnings about what was read differently."""
    classes, seen = rules.classes, found.index.isin(images)
    warnings = []
    experts = [column for column in rules.columns if column.startswith("expert_")]
    for column in ["label_raw", "check_label", *experts] if not classes.unlabelled else []:
        keys = cache(lambda value: classes.key_of(value) or value)
        spelled = found[column].map(keys, na_action="ignore").astype("str")
        changed = Counter(zip(found.loc[seen, column], spelled[seen], strict=True))
        warnings += [
            f"{before!r} read as {after!r} ({count} images)"
            for (before, after), count in sorted(changed.items(), key=str)
            if isinstance(before, str) and before != after
        ]
        found[column] = spelled
    first: dict[str, str] = {}
    for group in sorted(set(found["group"].dropna())):
        if first.setdefault(_group_form(group), group) != group:
            warnings.append(f"group {group!r} read as {first[_group_form(group)]!r}")
    found["group"] = found["group"].map(lambda group: first[_group_form(group)], na_action="ignore").astype("str")
    return warnings


def _group_form(group: str) -> str:
    """A name of a group without case and repeated blanks; hyphens count, because 1-12 and 11-2 are two slides."""
    return " ".join(group.split()).casefold()


def _missing_warnings(images: pd.DataFrame, rules: LabelRules) -> Iterable[str]:
    without = images.index[images["label_raw"] == ""]
    if len(without):
        yield f"{len(without)} images have no label: {join_names(without)}"
    has_groups = rules.config.group or "(?P<group>" in (rules.config.pattern or "")
    if has_groups and len(ungrouped := images.index[images["group"].isna()]):
        yield f"{len(ungrouped)} images have no group, so that each counts as its own: {join_names(ungrouped)}"


def join_names(items: Iterable[str]) -> str:
    """The first MAX_NAMED items, and the number of further ones."""
    items = list(items)
    rest = f" and {len(items) - MAX_NAMED} more" if len(items) > MAX_NAMED else ""
    return ", ".join(items[:MAX_NAMED]) + rest
