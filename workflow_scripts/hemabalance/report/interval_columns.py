"""Columns `x`, `x_low`, `x_high` of a table of cells, shown as one column `value (low to high)`."""

import pandas as pd

from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE


def fold_intervals(table: pd.DataFrame) -> pd.DataFrame:
    """Put each interval into the cell of its value, and drop a column `reason` without reasons."""
    folded: dict[str, pd.Series] = {}
    value = ""
    for column in table.columns:
        if column in ("low", f"{value}_low"):
            high = table[column.removesuffix("low") + "high"]
            is_known = ~table[column].isin((NOT_AVAILABLE, NO_REASON))
            folded[value] = folded[value].where(~is_known, folded[value] + " (" + table[column] + " to " + high + ")")
        elif column not in ("high", f"{value}_high") and not (
            column == "reason" and (table[column] == NO_REASON).all()
        ):
            folded[column], value = table[column], column
    return pd.DataFrame(folded)
