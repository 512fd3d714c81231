"""The expert's list of images to exclude, with reason and name of the expert."""

from pathlib import Path

import pandas as pd

from hemabalance.errors import InputError


def read_exclusions(path: Path, image_ids: set[str]) -> pd.DataFrame:
    """Read the expert's list, columns `source, member, reason, who`; `source` and `member` are an image id.

    Args:
        path: the CSV file.
        image_ids: ids of all images in the archives.

    Raises:
        InputError: the file cannot be read, or has wrong columns, empty fields, a duplicate row, or an image that no
            archive contains.
    """
    columns = ["source", "member", "reason", "who"]
    try:
        table = pd.read_csv(path, dtype="str", keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as CSV ({error})", f"Give it the header {','.join(columns)}") from error
    if not isinstance(table.index, pd.RangeIndex):
        raise InputError(
            path, "has rows of more than four fields", "Put a field that contains a comma in double quotes"
        )
    if list(table.columns) != columns:
        raise InputError(path, f"has the columns {', '.join(table.columns)}", f"Give it the header {','.join(columns)}")
    for number, row in enumerate(table.itertuples(index=False), start=2):
        where = f"{path}, row {number}"
        if not all(row):
            raise InputError(where, "has an empty field", "Fill in source, member, reason and who")
        if f"{row.source}/{row.member}" not in image_ids:
            raise InputError(
                where,
                f"no image {row.member} in source {row.source}",
                "Correct the row (<folder>/<file>, with more folders if several images share these) or remove it",
            )
    repeated = table[table.duplicated(["source", "member"])]
    if len(repeated):
        raise InputError(path, f"lists {repeated['member'].iloc[0]} twice", "Keep one row per image")
    return table
