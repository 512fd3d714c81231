"""What the user gives to `hemabalance init`: laboratories, tables of labels, and the project's config."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from hemabalance.errors import InputError
from hemabalance.section import Section
from hemabalance.survey.found_labels import FoundLabels
from hemabalance.survey.listing import ListedLaboratory
from hemabalance.survey.tables import TABLE_SUFFIXES

AnySection = TypeVar("AnySection", bound=Section)


def section_of(values: Mapping[str, Any], name: str, section: type[AnySection], *, where: Path) -> AnySection:
    """A section of a config file, with defaults for what it lacks.

    Raises:
        InputError: a value is invalid.
    """
    for key in name.split("."):
        values = values.get(key) or {}
    try:
        return section(**values)
    except (ValidationError, TypeError) as error:
        raise InputError(where, f"{name} is invalid: {error}", "Correct it there") from error


def with_image_tables(given: Sequence[str], tables: Sequence[str]) -> tuple[list[str], list[str]]:
    """Laboratories and tables; a laboratory given as a table of images is the folder that holds the table."""
    folders, all_tables = [], list(tables)
    for path in given:
        if Path(path).is_file() and path.lower().endswith(TABLE_SUFFIXES):
            folders.append(str(Path(path).parent))
            all_tables.append(path)
        else:
            folders.append(path)
    return folders, all_tables


def read_tables(tables: Sequence[str]) -> dict[str, bytes]:
    """Path -> content of the tables.

    Raises:
        InputError: a file is missing or cannot be read.
    """
    contents = {}
    for table in tables:
        try:
            contents[table] = Path(table).read_bytes()
        except OSError as error:
            problem = f"cannot be read ({error.strerror or error})"
            remedy = "Give --labels a CSV, Excel or Parquet file; without it, folders and file names are the labels"
            raise InputError(table, problem, remedy) from error
    return contents


def refuse_useless_tables(
    tables: Sequence[str], laboratories: Sequence[ListedLaboratory], found: Mapping[str, FoundLabels]
) -> None:
    """Check that each table that the user names is used.

    Raises:
        InputError: a table names no image of any laboratory, or has neither labels nor groups.
    """
    used = {labels.settings.get("table") for labels in found.values() if isinstance(labels.settings, dict)}
    for table in tables:
        if table not in used:
            example = laboratories[0].images[0]
            raise InputError(
                table, f"none of its columns names images of {', '.join(lab.name for lab in laboratories)}, or none "
                "holds labels or patients",
                f"Give a table with one row an image, a column of file names such as {example.rpartition('/')[2]!r} "
                "and a column of labels",
            )  # fmt: skip
