"""Texts of the cells of a typed table."""

import pandas as pd


def cell_text(value: object) -> str:
    """A stripped text; empty for a missing value, and `7` also for 7.0."""
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return ""
    # Whole numbers in a column with missing values are stored as floating-point numbers.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value).strip()
