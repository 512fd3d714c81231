"""Numbers of images by class, beside those that the thesis reports (Tables 2 to 6) under its preset; the split."""

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from hemabalance.classes import UNLABELLED
from hemabalance.dataset.manifest_table import STATUSES
from hemabalance.dataset.splits import PARTS
from hemabalance.report.reported import reported

log = logging.getLogger(__name__)

NO_LABEL = "(no label)"
"""Row of the images without a label."""


def count_tables(
    manifest: pd.DataFrame, labels: Mapping[str, Sequence[str]], classes: Sequence[str], preset: str
) -> dict[str, pd.DataFrame]:
    """All count tables of a manifest of all sources.

    Args:
        manifest: rows of all sources.
        labels: source -> its labels, the rows of its tables; further labels that it has come after them.
        classes: the classes of the run.
        preset: name of the preset; `thesis` adds the column `reported`.

    Returns:
        `collected_<source>` (image files by label, Tables 2 and 3), `removed_<source>` (image files that were not
        kept, by label and reason, Tables 5 and 4; collected minus removed is kept), `final_counts` (kept images by
        final class, Table 6) and `statuses` (rows by source and status). Values that the thesis does not give are
        missing.
    """
    tables: dict[str, pd.DataFrame] = {}
    for source, rows in manifest.groupby("source"):
        images = rows[rows["status"] != "not_an_image"]
        images = images.assign(label_raw=images["label_raw"].replace("", NO_LABEL))
        named = list(labels[str(source)])
        named += sorted(set(images.loc[images["status"] != "unreadable", "label_raw"]) - set(named))
        collected = _measured("folder", named, images["label_raw"].value_counts())
        tables[f"collected_{source}"] = _with_total(_with_reported(collected, f"collected_{source}", preset))
        removed = _with_reported(_removed(named, images), f"removed_{source}", preset)
        tables[f"removed_{source}"] = _with_total(removed)
    kept = manifest[manifest["status"] == "kept"]
    tables["final_counts"] = _with_total(_with_reported(_final(kept, classes), "final_counts", preset))
    by_status = pd.crosstab(manifest["source"], manifest["status"]).reindex(columns=list(STATUSES), fill_value=0)
    by_status.insert(0, "rows", by_status.sum(axis=1))
    tables["statuses"] = by_status.rename_axis(columns=None).reset_index()
    log.info("kept images by final class\n%s", tables["final_counts"].to_string(index=False))
    return tables


def _measured(column: str, names: list[str], counts: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({column: names, "measured": [int(counts.get(name, 0)) for name in names]})


def _with_reported(table: pd.DataFrame, name: str, preset: str) -> pd.DataFrame:
    """Put the column `reported` beside the names of a table, under a preset that has values."""
    tables = reported("dataset_tables", preset)
    if tables:
        values = reported(tables[name], preset) if name in tables else {}
        column = [values.get(key) for key in table.iloc[:, 0]]
        table.insert(1, "reported", pd.array(column, dtype="Int64"))
    return table


def _with_total(table: pd.DataFrame) -> pd.DataFrame:
    column = table.columns[0]
    numbers = table.drop(columns=column)
    totals = {name: numbers[name].sum(min_count=1) for name in numbers}
    return pd.concat([table, pd.DataFrame([{column: "total", **totals}]).astype(numbers.dtypes)], ignore_index=True)


def _removed(names: list[str], images: pd.DataFrame) -> pd.DataFrame:
    """Images that were not kept, by label and status; `unknown_label` only where there are any."""
    removed = images[images["status"] != "kept"]
    table = _measured("folder", names, removed["label_raw"].value_counts())
    for status in STATUSES:
        counts = removed.loc[removed["status"] == status, "label_raw"].value_counts()
        if status not in ("kept", "not_an_image") and (status != "unknown_label" or len(counts)):
            table[status] = [int(counts.get(name, 0)) for name in names]
    return table


def _final(kept: pd.DataFrame, classes: Sequence[str]) -> pd.DataFrame:
    names = [*classes, UNLABELLED] if (kept["label"] == UNLABELLED).any() else list(classes)
    table = _measured("label", names, kept["label"].value_counts())
    for source, rows in kept.groupby("source"):
        counts = rows["label"].value_counts()
        table[f"measured_{source}"] = [int(counts.get(label, 0)) for label in names]
    return table


def split_table(split: pd.DataFrame, *, grouped: bool = False) -> pd.DataFrame:
    """Numbers of images by final class and source (rows) and part of the split (columns), with the test share.

    Args:
        split: the split.
        grouped: there are declared groups: add columns with the numbers of groups, such as patients, of each part.
    """
    rows = [split["label"], split["source"]]
    table = pd.crosstab(rows, split["part"])
    parts = [part for part in PARTS if part in table]
    table = table.reindex(columns=parts, fill_value=0)
    table.insert(0, "images", table.sum(axis=1))
    if "test" in table:
        table["test_share"] = (table["test"] / table["images"]).round(3)
    if grouped:
        groups = split.groupby(["label", "source", "part"])["group_id"].nunique().unstack(fill_value=0)
        table = table.join(groups[parts].add_suffix("_groups"))
    return table.rename_axis(columns=None).reset_index()
