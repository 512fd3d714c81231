"""Find the labels of a laboratory: in a table, in its folders, in the names of its files, or nowhere."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from hemabalance.config.laboratories import SHORT_LABELS
from hemabalance.errors import InputError
from hemabalance.survey.folder_labels import labels_of_folders
from hemabalance.survey.found_labels import FoundLabels
from hemabalance.survey.listing import ListedLaboratory
from hemabalance.survey.name_labels import GROUP_PATTERN, groups_of_names, labels_of_names
from hemabalance.survey.table_labels import labels_of_table

_LEAST_IN_TABLE = 0.5
"""Share of the images that a table within the archive must name to be one of labels."""


def find_labels(laboratory: ListedLaboratory, tables: Mapping[str, bytes]) -> FoundLabels:
    """The labels of a laboratory's images.

    A table that the user names counts most, then one within the archive, then folders, then file names. A table
    without labels gives groups to the labels of folders or names.

    Args:
        laboratory: the listed laboratory.
        tables: path -> content of tables that the user names; those that name no image of the laboratory are ignored.

    Raises:
        InputError: a table that the user names is damaged or ambiguous.
    """
    images, notes = laboratory.images, list[str]()
    named = [labels_of_table(path, tables[path], images, source=laboratory.name, written=path) for path in tables]
    table = next((found for found in named if found), None)
    if table is None:
        table, notes = _table_within(laboratory)
    if table and table.labels:
        missing = len(images) - len(table.labels)
        return _noted(table, [*([f"{missing} images have no label in the table"] if missing else []), *notes])
    found = labels_of_folders(images) or labels_of_names(images)
    if found is None:
        found = FoundLabels(how="nothing names the cells", settings="none")
        notes.append("no label is in its folders, in its file names or in a table")
    found = _noted(found, notes)
    if table:
        return _with_table(found, table)
    groups = {} if found.groups else groups_of_names(images)
    return _with_name_groups(found, groups) if groups else found


def _table_within(laboratory: ListedLaboratory) -> tuple[FoundLabels | None, list[str]]:
    """The table of the archive that says most of its images, and notes on those that are not used."""
    files = [table.rpartition("/")[2] for table in laboratory.tables]
    best, notes = None, []
    for path, content in laboratory.archive.read(laboratory.tables):
        file = path.rpartition("/")[2]
        written = file if files.count(file) == 1 else path
        try:
            found = labels_of_table(path, content, laboratory.images, source=laboratory.name, written=written)
        except InputError as error:
            notes.append(f"the table {path} is not used: {error.problem}")
            continue
        if found is None:
            continue
        if (rows := max(len(found.labels), len(found.groups))) < _LEAST_IN_TABLE * len(laboratory.images):
            notes.append(f"the table {path} is not used: it names {rows} of {len(laboratory.images)} images")
        elif best is None or len(found.labels) > len(best.labels):
            best = found
    return best, notes


def _noted(found: FoundLabels, notes: list[str]) -> FoundLabels:
    return replace(found, notes=(*found.notes, *notes))


def _with_table(found: FoundLabels, table: FoundLabels) -> FoundLabels:
    """Labels of folders or file names, with the groups of a table."""
    assert isinstance(table.settings, dict)
    return replace(
        found,
        how=f"{found.how}; groups: {table.how}",
        settings=_section(found.settings) | table.settings,
        groups=table.groups or found.groups,
        notes=(*found.notes, *table.notes),
    )


def _with_name_groups(found: FoundLabels, groups: dict[str, str]) -> FoundLabels:
    settings = _section(found.settings)
    label = settings.get("pattern")
    # Label and group may come in any order.
    settings["pattern"] = rf"^(?=.*{label})(?=.*{GROUP_PATTERN})" if label else GROUP_PATTERN
    return replace(found, how=f"{found.how}; groups: file names", settings=settings, groups=groups)


def _section(settings: str | dict[str, Any]) -> dict[str, Any]:
    return dict(SHORT_LABELS[settings] if isinstance(settings, str) else settings)
