"""Parquet tables, written atomically and checked against their schema when read."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrors
from pyarrow import ArrowException

from hemabalance.errors import InputError
from hemabalance.files import atomic_path

LABEL = pa.Check.str_length(min_value=1)
"""A class of the run, or `classes.UNLABELLED`: not checked against the list, which a table does not know."""


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as zstd Parquet without its index; equal tables give equal bytes."""
    with atomic_path(path) as part:
        # Page checksums turn a damaged value into an error.
        table.to_parquet(part, index=False, compression="zstd", write_page_checksum=True)


def read_table(path: Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a table and check it against its schema.

    Raises:
        InputError: the file is not Parquet, or its content violates the schema.
    """
    remedy = "Delete it and run the workflow again, which rebuilds it"
    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as Parquet ({error})", remedy) from error
    try:
        return schema.validate(table)
    except (SchemaError, SchemaErrors) as error:
        raise InputError(path, f"does not match its schema ({error})", remedy) from error
