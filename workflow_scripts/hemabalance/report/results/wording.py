"""Small words of the page of results."""

from hemabalance.report.results.run_tables import shown_tables

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")


def ordinal(place: int) -> str:
    """The ordinal number of a place from 1 on."""
    return _ORDINALS[place - 1] if place <= len(_ORDINALS) else f"{place}th"


def label_of(kind: str, column: str) -> str:
    """Heading of a column of a table, such as `FID`, without `measured`.

    Raises:
        KeyError: the page shows no such column.
    """
    for entry in (entry for group in shown_tables() for entry in group["tables"]):
        if f"/{kind}" in entry["file"] and column in entry.get("columns", {}):
            return str(entry["columns"][column]).removeprefix("measured ")
    raise KeyError(f"the page shows no column {column} of {kind}")
