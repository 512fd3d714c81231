"""The checklist "Can I trust it?" of the report: each answer is read from the tables of the page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from hemabalance.report.cells import NOT_AVAILABLE, counted
from hemabalance.report.verdict import FEW_TEST_IMAGES

YES, NO = "yes", "no"
CALIBRATED = 0.05
"""Expected calibration error up to which confidences count as calibrated: they are off by 5 in 100 on average."""


class Check(NamedTuple):
    """A line of the checklist.

    Attributes:
        question: what one would like to be true.
        mark: `YES`, `NO` or `cells.NOT_AVAILABLE`.
        figure: the figures behind the mark, in words.
        table: name of the table (CSV) that has them; empty for none.
    """

    question: str
    mark: str
    figure: str
    table: str


class Shown(NamedTuple):
    """The training that a report opens with: cells of its row in `classify_models.csv`."""

    experiment: str
    protocol: str
    seed: str
    recipe: str


class Tables:
    """The CSV files of a page by name, read when asked for, as text.

    Args:
        paths: CSV files.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = paths

    def rows(self, name: str, **cells: str) -> pd.DataFrame:
        """Rows of a table that have these cells; none if the page lacks the table or the table such a column."""
        if name not in self._paths:
            return pd.DataFrame()
        table = pd.read_csv(self._paths[name], dtype="str", keep_default_na=False)
        if not set(cells) <= set(table.columns):
            return table.iloc[:0]
        for column, cell in cells.items():
            table = table[table[column] == cell]
        return table


def shown_training(tables: Tables, headline: Mapping[str, Any] | None) -> Shown | None:
    """The training that the report opens with: `a` of the headline, else the first that was measured; None for none."""
    cells = {}
    if headline:
        cells = {"experiment": headline["a"], "protocol": headline["protocol"], "seed": str(headline["seed"])}
    models = tables.rows("classify_models.csv", **cells)
    if "measured_accuracy" not in models:
        return None
    measured = models[models["measured_accuracy"] != NOT_AVAILABLE]
    return Shown(**measured.iloc[0][list(Shown._fields)]) if len(measured) else None


def makers(tables: Tables, shown: Shown, kind: str) -> list[str]:
    """Names of what the audit of a training's images lists as `kind`: `generator` or `normalizer`."""
    audit = tables.rows("balance_leaks.csv", recipe=shown.recipe, protocol=shown.protocol)
    found = [who.removeprefix(f"{kind} ") for who in audit.get("who", []) if who.startswith(f"{kind} ")]
    return list(dict.fromkeys(found))


def checks(tables: Tables, shown: Shown | None, *, phantom: bool) -> list[Check]:
    """The checklist of a report.

    Args:
        tables: tables of the page.
        shown: the training that the report opens with.
        phantom: whether the photographs are rendered.
    """
    return [
        Check("The photographs are real", NO if phantom else YES, "rendered cells" if phantom else "", ""),
        _leaks(tables, shown),
        _copies(tables),
        _copied(tables, shown),
        _smallest_class(tables, shown),
        _seeds(tables, shown),
        _calibration(tables, shown),
    ]


def _leaks(tables: Tables, shown: Shown | None) -> Check:
    question, table = "No test image or copy of one was used in training", "balance_leaks.csv"
    audit = tables.rows(table, recipe=shown.recipe, protocol=shown.protocol) if shown else pd.DataFrame()
    if not len(audit):
        return Check(question, NOT_AVAILABLE, "no audit of the training images", "")
    seen, copies, unknown = (audit[c].astype(int).sum() for c in ("test_images", "copies", "in_no_manifest"))
    figure = (
        f"{counted(len(audit), 'audit')}: {counted(seen, 'test image')}, {copies:,} copies of them, {unknown:,} of "
        "unknown origin"
    )
    return Check(question, NO if seen or copies or unknown else YES, figure, table)


def _copies(tables: Tables) -> Check:
    question, table = "Copies among the photographs were set aside before the split", "statuses.csv"
    status = tables.rows(table)
    if not len(status):
        return Check(question, NOT_AVAILABLE, "no table of the archives", "")
    counts = {kind: status[kind].astype(int).sum() for kind in ("duplicate", "near_duplicate", "conflict", "kept")}
    figure = (
        f"{counts['duplicate']:,} same, {counts['near_duplicate']:,} near-duplicates, {counts['conflict']:,} with "
        f"labels that conflict; {counts['kept']:,} kept"
    )
    return Check(question, YES, figure, table)


def _copied(tables: Tables, shown: Shown | None) -> Check:
    """Whether generators copy more than held-back real images resemble training images, as `synthesis.trust` judges."""
    question = "Generators do not copy training images"
    names = makers(tables, shown, "generator") if shown else []
    if not shown or not names:
        return Check(question, NOT_AVAILABLE, "no generator behind this classifier", "")
    table, parts, marks = f"synthesis_memory_{shown.protocol}.csv", [], []
    for name in names:
        of_all = tables.rows(table, generator=name, **{"class": "all"})
        for _, drawn in (of_all[of_all["images"] == "generated"] if len(of_all) else of_all).iterrows():
            real = of_all[(of_all["images"] == "real, held back") & (of_all["classes"] == drawn["classes"])]
            parts.append(f"{name}, {drawn['classes']} classes: {drawn['copies']} of {drawn['n']} draws")
            if len(real) and NOT_AVAILABLE not in (drawn["share_low"], real.iloc[0]["share_high"]):
                parts[-1] += f", {real.iloc[0]['copies']} of {real.iloc[0]['n']} real images held back"
                marks.append(float(drawn["share_low"]) <= float(real.iloc[0]["share_high"]))
    if not marks:
        return Check(question, NOT_AVAILABLE, "; ".join(parts) or "not measured", table if parts else "")
    return Check(question, YES if all(marks) else NO, "; ".join(parts), table)


def _smallest_class(tables: Tables, shown: Shown | None) -> Check:
    question, table = f"Every class has at least {FEW_TEST_IMAGES} test images", "classify_classes.csv"
    rows = tables.rows(table, **_of(shown)) if shown else pd.DataFrame()
    if not len(rows):
        return Check(question, NOT_AVAILABLE, "no classifier was measured", "")
    n = rows["n"].astype(int)
    names = [label.replace("_", " ") for label in rows["class"][n == n.min()]]
    few = f"; {(n < FEW_TEST_IMAGES).sum()} of {len(n)} classes have fewer" if n.min() < FEW_TEST_IMAGES else ""
    figure = f"smallest: {', '.join(names)} with n = {n.min():,}, of {n.sum():,} in all{few}"
    return Check(question, NO if n.min() < FEW_TEST_IMAGES else YES, figure, table)


def _seeds(tables: Tables, shown: Shown | None) -> Check:
    question, table = "The training was repeated with other seeds", "classify_seeds.csv"
    rows = tables.rows(table, experiment=shown.experiment, protocol=shown.protocol) if shown else pd.DataFrame()
    if not len(rows):
        return Check(question, NOT_AVAILABLE, "no classifier was measured", "")
    row = rows.iloc[0]
    figure = f"{counted(int(row['n_seeds']), 'seed')} ({row['seeds']})"
    if row["sd_accuracy"] != NOT_AVAILABLE:
        figure += f": accuracy {row['mean_accuracy']}, standard deviation {row['sd_accuracy']}"
    return Check(question, YES if int(row["n_seeds"]) > 1 else NO, figure, table)


def _calibration(tables: Tables, shown: Shown | None) -> Check:
    question, table = f"Confidences are calibrated (ECE at most {CALIBRATED:.2f})", "classify_models.csv"
    rows = tables.rows(table, **_of(shown)) if shown else pd.DataFrame()
    if not len(rows) or rows.iloc[0]["calibration_error"] == NOT_AVAILABLE:
        return Check(question, NOT_AVAILABLE, "not measured", "")
    row = rows.iloc[0]
    figure = f"ECE {row['calibration_error']}"
    if row["calibration_error_low"] != NOT_AVAILABLE:
        figure += f" ({row['calibration_error_low']} to {row['calibration_error_high']})"
    return Check(question, YES if float(row["calibration_error"]) <= CALIBRATED else NO, figure, table)


def _of(shown: Shown) -> dict[str, str]:
    return {"experiment": shown.experiment, "protocol": shown.protocol, "seed": shown.seed}
