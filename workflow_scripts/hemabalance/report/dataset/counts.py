"""Reported and measured numbers of images by class (thesis Tables 2 to 6), and the split."""

import logging
from collections.abc import Mapping

import pandas as pd

from hemabalance.dataset.manifest_table import STATUSES
from hemabalance.dataset.splits import PARTS
from hemabalance.report.reported import reported
from hemabalance.taxonomy import CLASSES, FOLDERS

log = logging.getLogger(__name__)

TABLE_OF = {
    "collected_mendeley": "table2_mendeley_counts",
    "collected_tcia": "table3_tcia_counts",
    "removed_mendeley": "table5_mendeley_removed",
    "removed_tcia": "table4_tcia_removed",
    "final_counts": "table6_final",
}
"""Name of a table -> key of the reported table."""

# Folder of source A -> class name in the thesis; all others are equal.
_THESIS_NAME = {"ig": "immature_granulocyte"}


def count_tables(manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All count tables of a manifest of all sources.

    Returns:
        `collected_<source>` (image files by folder, Tables 2 and 3), `removed_<source>` (image files that were not
        kept, by folder and reason, Tables 5 and 4; collected minus removed is kept), `final_counts` (kept images by
        final class, Table 6) and `statuses` (rows by source and status). Values that the thesis does not give are
        missing.
    """
    tables: dict[str, pd.DataFrame] = {}
    for source, rows in manifest.groupby("source"):
        folders = list(FOLDERS[str(source)])
        images = rows[rows["status"] != "not_an_image"]
        tables[f"collected_{source}"] = _reported_and_measured(
            f"collected_{source}", "folder", folders, images["label_raw"].value_counts()
        )
        tables[f"removed_{source}"] = _removed(f"removed_{source}", folders, images)
    kept = manifest[manifest["status"] == "kept"]
    tables["final_counts"] = _final(kept)
    by_status = pd.crosstab(manifest["source"], manifest["status"]).reindex(columns=list(STATUSES), fill_value=0)
    by_status.insert(0, "rows", by_status.sum(axis=1))
    tables["statuses"] = by_status.rename_axis(columns=None).reset_index()
    log.info("kept images by final class\n%s", tables["final_counts"].to_string(index=False))
    return tables


def _reported_column(name: str, labels: list[str]) -> list[int | None]:
    values: Mapping[str, int] = reported(TABLE_OF[name]) if name in TABLE_OF else {}
    return [values.get(_THESIS_NAME.get(column, column)) for column in labels]


def _reported_and_measured(name: str, column: str, labels: list[str], counts: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame({column: labels, "reported": pd.array(_reported_column(name, labels), dtype="Int64")})
    table["measured"] = [int(counts.get(value, 0)) for value in labels]
    return _with_total(table, column)


def _with_total(table: pd.DataFrame, column: str) -> pd.DataFrame:
    numbers = table.drop(columns=column)
    totals = {name: numbers[name].sum(min_count=1) for name in numbers}
    return pd.concat([table, pd.DataFrame([{column: "total", **totals}]).astype(numbers.dtypes)], ignore_index=True)


def _removed(name: str, folders: list[str], images: pd.DataFrame) -> pd.DataFrame:
    removed = images[images["status"] != "kept"]
    table = _reported_and_measured(name, "folder", folders, removed["label_raw"].value_counts()).iloc[:-1]
    for status in STATUSES:
        if status not in ("kept", "not_an_image", "unknown_label"):
            counts = removed.loc[removed["status"] == status, "label_raw"].value_counts()
            table[status] = [int(counts.get(folder, 0)) for folder in folders]
    return _with_total(table, "folder")


def _final(kept: pd.DataFrame) -> pd.DataFrame:
    table = _reported_and_measured("final_counts", "label", list(CLASSES), kept["label"].value_counts()).iloc[:-1]
    for source, rows in kept.groupby("source"):
        counts = rows["label"].value_counts()
        table[f"measured_{source}"] = [int(counts.get(label, 0)) for label in CLASSES]
    return _with_total(table, "label")


def split_table(split: pd.DataFrame) -> pd.DataFrame:
    """Numbers of images by final class and source (rows) and part of the split (columns), with the test share."""
    table = pd.crosstab([split["label"], split["source"]], split["part"])
    table = table.reindex(columns=[part for part in PARTS if part in table], fill_value=0)
    table.insert(0, "images", table.sum(axis=1))
    if "test" in table:
        table["test_share"] = (table["test"] / table["images"]).round(3)
    return table.rename_axis(columns=None).reset_index()
