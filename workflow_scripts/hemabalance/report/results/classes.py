"""Sensitivity of each class, side by side for the thesis's two experiments and for the ablations (Figs. 53 to 62)."""

import pandas as pd

from hemabalance.report.cells import NOT_AVAILABLE, NOT_REPORTED
from hemabalance.report.results.markdown import plain_table
from hemabalance.report.results.run_tables import RunTables, is_missing


def classes_table(tables: RunTables) -> str:
    """A row for each class, a column for each experiment with values reported for classes and for each ablation.

    Cells are sensitivities with intervals; the value of the thesis follows where it gives one.
    """
    table = tables.table("classify_classes")
    reported = table[~table["reported_sensitivity"].map(is_missing)]["experiment"] if _has_reported(table) else []
    shown = dict.fromkeys([*reported, *tables.table("classify_ablations")["experiment"]])
    rows = table[
        table["experiment"].isin(shown) & (table["seed"] == table.groupby("experiment")["seed"].transform("first"))
    ]
    names = [name for name in shown if name in set(rows["experiment"])]
    cells = []
    for label, part in rows.groupby("class", sort=False):
        by_name = {row["experiment"]: row for _, row in part.iterrows()}
        values = [_cell(by_name[name]) if name in by_name else f"{NOT_AVAILABLE}: no such class" for name in names]
        cells.append([str(label), part["n"].iloc[0], *values])
    return plain_table(["class", "n", *(f"sensitivity, {name}" for name in names)], cells)


def _has_reported(table: pd.DataFrame) -> bool:
    return "reported_sensitivity" in table


def _cell(row: "pd.Series[str]") -> str:
    if is_missing(row["sensitivity"]):
        return f"{NOT_AVAILABLE}: {row['reason']}"
    text = f"{row['sensitivity']} ({row['sensitivity_low']} to {row['sensitivity_high']})"
    thesis = row.get("reported_sensitivity", NOT_REPORTED)
    return text if is_missing(thesis) else f"{text}; reported {thesis}"
