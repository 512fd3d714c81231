"""Counts by class, reported beside measured: thesis Tables 2 to 6, and the split."""

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
"""Our table -> its key among the reported ones."""

# The thesis names source A's classes, the archive its folders; only this one differs.
_THESIS_NAME = {"ig": "immature_granulocyte"}


def count_tables(manifest: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """All count tables of a manifest of all sources.

    Returns:
        `collected_<source>` (image files by folder, Tables 2 and 3), `removed_<source>` (those that were not kept,
        by folder and reason, Tables 5 and 4; collected less removed is kept), `final_counts` (kept images by final
        class, Table 6) and `statuses` (rows by source and status). A figure that the thesis does not give is missing.
    """
    tables: dict[str, pd.DataFrame] = {}
    for source, rows in manifest.groupby("source"):
        folders = list(FOLDERS[str(source)])
        images = rows[rows["status"] != "not_an_image"]
        tables[f"collected_{source}"] = _beside(
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


def _reported_column(name: str, keys: list[str]) -> list[int | None]:
    values: Mapping[str, int] = reported(TABLE_OF[name]) if name in TABLE_OF else {}
    return [values.get(_THESIS_NAME.get(key, key)) for key in keys]


def _beside(name: str, key: str, keys: list[str], counts: pd.Series) -> pd.DataFrame:
    table = pd.DataFrame({key: keys, "reported": pd.array(_reported_column(name, keys), dtype="Int64")})
    table["measured"] = [int(counts.get(value, 0)) for value in keys]
    return _with_total(table, key)


def _with_total(table: pd.DataFrame, key: str) -> pd.DataFrame:
    numbers = table.drop(columns=key)
    total = {column: numbers[column].sum(min_count=1) for column in numbers}
    return pd.concat([table, pd.DataFrame([{key: "total", **total}]).astype(numbers.dtypes)], ignore_index=True)


def _removed(name: str, folders: list[str], images: pd.DataFrame) -> pd.DataFrame:
    removed = images[images["status"] != "kept"]
    table = _beside(name, "folder", folders, removed["label_raw"].value_counts()).iloc[:-1]
    for status in STATUSES:
        if status not in ("kept", "not_an_image", "unknown_label"):
            counts = removed.loc[removed["status"] == status, "label_raw"].value_counts()
            table[status] = [int(counts.get(folder, 0)) for folder in folders]
    return _with_total(table, "folder")


def _final(kept: pd.DataFrame) -> pd.DataFrame:
    table = _beside("final_counts", "label", list(CLASSES), kept["label"].value_counts()).iloc[:-1]
    for source, rows in kept.groupby("source"):
        counts = rows["label"].value_counts()
        table[f"measured_{source}"] = [int(counts.get(label, 0)) for label in CLASSES]
    return _with_total(table, "label")


def split_table(split: pd.DataFrame) -> pd.DataFrame:
    """Images by final class and source (rows) and part of the split (columns), with the share that is test."""
    table = pd.crosstab([split["label"], split["source"]], split["part"])
    table = table.reindex(columns=[part for part in PARTS if part in table], fill_value=0)
    table.insert(0, "images", table.sum(axis=1))
    if "test" in table:
        table["test_share"] = (table["test"] / table["images"]).round(3)
    return table.rename_axis(columns=None).reset_index()
