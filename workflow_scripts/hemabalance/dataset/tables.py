"""Parquet tables, written atomically and checked against their schema when read."""

from pathlib import Path

import pandas as pd
import pandera.pandas as pa
from pandera.errors import SchemaError, SchemaErrors
from pyarrow import ArrowException

from hemabalance.errors import InputError
from hemabalance.files import atomic_path


def write_table(table: pd.DataFrame, path: Path) -> None:
    """Write a table as zstd Parquet without its index; same table, same bytes."""
    with atomic_path(path) as part:
        # With checksums a damaged value is an error and not another value.
        table.to_parquet(part, index=False, compression="zstd", write_page_checksum=True)


def read_table(path: Path, schema: pa.DataFrameSchema) -> pd.DataFrame:
    """Read a table and check it.

    Raises:
        InputError: the file is no Parquet, or its content breaks the schema.
    """
    remedy = "Delete it and run the workflow again: it will be made anew"
    try:
        table = pd.read_parquet(path, page_checksum_verification=True)
    except (ArrowException, OSError, ValueError) as error:
        raise InputError(path, f"cannot be read as Parquet ({error})", remedy) from error
    try:
        return schema.validate(table)
    except (SchemaError, SchemaErrors) as error:
        raise InputError(path, f"is not as its schema says ({error})", remedy) from error
