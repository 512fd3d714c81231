"""Rules that compare a claim of the thesis with the tables of a run: what was reported, what was measured, a verdict.

A difference counts as shown if the 95 % intervals of the two values do not overlap, or, for values on the same test
images, if the 95 % interval of their difference excludes 0. An inconclusive comparison does not show that two values
are equal.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from hemabalance.report.reported import reported_tables
from hemabalance.report.results.points import (
    Point,
    is_value,
    point_of,
    scaled,
    select,
    thesis_value,
    time_of,
)
from hemabalance.report.results.run_tables import RunTables, is_missing
from hemabalance.report.results.wording import label_of, ordinal

HOLDS, FAILS, INCONCLUSIVE, MISSING = "holds", "does not hold", "inconclusive", "not available"
VERDICTS = {HOLDS: "hold", FAILS: "do not hold", INCONCLUSIVE: "are inconclusive", MISSING: "are not available"}
"""Verdict -> the same of several claims."""
_NOT_MEASURED = "not in this run"
Entry = Mapping[str, Any]
"""A claim of `claims.yaml`."""


@dataclass(frozen=True)
class Finding:
    """Result of checking one claim.

    Attributes:
        verdict: one of `VERDICTS`.
        measured: what was measured, in words; for `MISSING` the reason.
    """

    verdict: str
    measured: str


def check(entry: Entry, tables: RunTables) -> Finding:
    """Check a claim by its rule."""
    return RULES[entry["rule"]](entry, tables)


def claim_text(entry: Entry) -> str:
    """The thesis's claim, with its values."""
    scale = entry.get("scale", 1)
    values = {key: thesis_value(entry[key], scale) for key in ("value", "from_value") if key in entry}
    return str(entry["claim"]).format(**values)


def best(entry: Entry, tables: RunTables) -> Finding:
    """Whether the thesis's best method is the lowest or highest of those measured."""
    rows = _compared_rows(entry, tables)
    entry = {**entry, "method": _reported_name(entry, rows, entry["value"])}
    findings = []
    for group, part in _groups(rows, entry.get("each", [])):
        by_column = [_best_in(entry, part, column) for column in entry["measured"]]
        verdicts = {finding.verdict for finding in by_column}
        verdict = verdicts.pop() if len(verdicts) == 1 else INCONCLUSIVE
        text = " ".join(dict.fromkeys(finding.measured for finding in by_column))
        findings.append(Finding(verdict, f"{group}: {text}" if group else text))
    return _all_of(findings)


def _best_in(entry: Entry, rows: pd.DataFrame, column: str) -> Finding:
    spread = entry.get("spread", {}).get(column)
    points = {
        index: point_of(row, entry["name"], column, entry.get("n"), spread)
        for index, row in rows.iterrows()
    }  # fmt: skip
    lowest = entry["best"] == "lowest"
    return _ranked(entry, rows, points, lowest=lowest, what=f"{entry['best']} {label_of(entry['table'], column)}")


def shortest(entry: Entry, tables: RunTables) -> Finding:
    """Whether the thesis's fastest training is the fastest of those measured."""
    rows = _compared_rows(entry, tables)
    entry = {**entry, "method": _reported_name(entry, rows, entry["value"])}
    (column,) = entry["measured"]
    measured = rows[~rows[column].map(is_missing)]
    per_step = entry["per_step"] and measured[entry["steps"]].nunique() > 1
    points = {
        index: time_of(row, entry["name"], column, entry["steps"], per_step=per_step)
        for index, row in rows.iterrows()
    }  # fmt: skip
    return _ranked(entry, rows, points, lowest=True, what="shortest time" + (" a step" if per_step else ""))


def _ranked(
    entry: Entry, rows: pd.DataFrame, points: Mapping[Any, Point | None], *, lowest: bool, what: str
) -> Finding:
    """The verdict on the row of the thesis's best method among all rows with a reported value."""
    index = next((k for k, name in rows[entry["name"]].items() if name == entry["method"]), None)
    mine = points[index] if index is not None else None
    rivals = [point for k, point in points.items() if point is not None and k != index]
    if mine is None:
        return Finding(MISSING, _reason(rows, index))
    if not rivals:
        return Finding(MISSING, f"no other method of the comparison was measured ({mine.name}: {mine.describe()})")
    order = sorted([mine, *rivals], key=lambda point: point.value if lowest else -point.value)
    first, place = order[0], order.index(mine) + 1
    text = f"{first.name} has the {what} ({first.describe()})"
    if first.value == order[1].value:
        text = "no method is best: " + "; ".join(f"{point.name} {point.describe()}" for point in order) + "."
    elif first is mine:
        text += f", before {order[1].name} ({order[1].describe()}), of {len(order)} measured."
    else:
        text += f"; {mine.name} is {ordinal(place)} of {len(order)} measured ({mine.describe()})."
    return Finding(_verdict_of_rank(mine, rivals, lowest=lowest), text)


def _verdict_of_rank(mine: Point, rivals: Sequence[Point], *, lowest: bool) -> str:
    if any((rival.high < mine.low) if lowest else (rival.low > mine.high) for rival in rivals):
        return FAILS
    if all((rival.low > mine.high) if lowest else (rival.high < mine.low) for rival in rivals):
        return HOLDS
    return INCONCLUSIVE


def paired_fall(entry: Entry, tables: RunTables) -> Finding:
    """Whether leaving out a part lowers the metric, by the paired difference to the complete method."""
    table = tables.table(entry["table"])
    value = thesis_value(entry["value"], entry["scale"])
    rows = table[[is_value(cell, value) for cell in table[entry["reported"]]]]
    (column,) = entry["measured"]
    point = point_of(rows.iloc[0], entry["name"], column, entry["n"]) if len(rows) else None
    if point is None:
        return Finding(MISSING, _reason(table, rows.index[0] if len(rows) else None))
    verdict = HOLDS if point.high < 0 else FAILS if point.low > 0 else INCONCLUSIVE
    return Finding(verdict, f"difference of {point.describe()}.")


def paired_rise(entry: Entry, tables: RunTables) -> Finding:
    """Whether the first of two experiments is better on the same images, with every seed and by all metrics."""
    table = tables.table(entry["table"])
    rows = table[(table["a"] == entry["a"]) & (table["b"] == entry["b"])]
    points = [
        point for column in entry["measured"] for _, row in rows.iterrows()
        if (point := point_of(row, "seed", column, entry["n"]))
    ]  # fmt: skip
    if not points:
        return Finding(MISSING, f"{entry['a']} and {entry['b']} were not compared in this run")
    text = "; ".join(
        f"{label_of(entry['table'], column)}: "
        + ", ".join(f"{row[column]} ({row[f'{column}_low']} to {row[f'{column}_high']})" for _, row in rows.iterrows())
        for column in entry["measured"]
    )
    if all(point.low > 0 for point in points):
        verdict = HOLDS
    else:
        verdict = FAILS if all(point.high < 0 for point in points) else INCONCLUSIVE
    return Finding(verdict, f"a = {entry['a']}, b = {entry['b']}, by seed: {text}; n = {points[0].n}.")


def rise(entry: Entry, tables: RunTables) -> Finding:
    """Whether a value rises between two experiments that the thesis reports."""
    rows = select(tables.table(entry["table"]), entry["where"], entry["name"])
    points = [_reported_point(entry, rows, entry[key]) for key in ("from_value", "value")]
    return _risen(*points)


def class_rise(entry: Entry, tables: RunTables) -> Finding:
    """The same for each class of which the thesis gives both values."""
    models = select(tables.table("classify_models"), entry["where"], entry["name"])
    names = [_reported_name(entry, models, entry[key]) for key in ("from_value", "value")]
    (column,), scores = entry["measured"], [reported_tables()[entry[key]] for key in ("from_classes", "classes")]
    findings = []
    for label in sorted(label for label in scores[0] if all(column in part.get(label, {}) for part in scores)):
        table = tables.table(entry["table"])
        rows = select(table[table["class"] == label], entry["where"], entry["name"]).set_index(
            entry["name"], drop=False
        )
        points = [
            point_of(rows.loc[name], entry["name"], column, entry["n"]) if name in rows.index else None
            for name in names
        ]  # fmt: skip
        values = " to ".join(scaled(part[label][column], entry["scale"]) for part in scores)
        finding = _risen(*points)
        findings.append(Finding(finding.verdict, f"{label} (thesis: {values}): {finding.measured}"))
    return _all_of(findings)


def _risen(before: Point | None, after: Point | None) -> Finding:
    if before is None or after is None:
        return Finding(MISSING, _NOT_MEASURED)
    verdict = HOLDS if after.low > before.high else FAILS if after.high < before.low else INCONCLUSIVE
    return Finding(verdict, f"{before.name} {before.describe()}; {after.name} {after.describe()}.")


def reaches(entry: Entry, tables: RunTables) -> Finding:
    """Whether a value is at least as high as the thesis's."""
    table = tables.table(entry["table"])
    rows = table[table["protocol"] == entry["where"]["protocol"]]
    point = _reported_point(entry, rows, entry["value"])
    if point is None:
        return Finding(MISSING, _NOT_MEASURED)
    target = float(thesis_value(entry["value"], entry["scale"]))
    verdict = HOLDS if point.value >= target else FAILS if point.high < target else INCONCLUSIVE
    return Finding(verdict, f"{point.name} has {point.describe()}.")


RULES: Mapping[str, Callable[[Entry, RunTables], Finding]] = {
    rule.__name__: rule for rule in (best, shortest, paired_fall, paired_rise, rise, class_rise, reaches)
}


def _compared_rows(entry: Entry, tables: RunTables) -> pd.DataFrame:
    """The rows with a reported value, one for each group and name."""
    table = tables.table(entry["table"])
    table = pd.concat(
        [select(part, entry.get("where", {}), entry["name"]) for _, part in _groups(table, entry.get("each", []))]
        if len(table)
        else [table]
    )
    rows = table[~table[entry["reported"]].map(is_missing)]
    if "among" not in entry:
        return rows
    values = [scaled(value, entry["scale"]) for value in reported_tables()[entry["among"]].values()]
    return rows[[any(is_value(cell, value) for value in values) for cell in rows[entry["reported"]]]]


def _groups(table: pd.DataFrame, columns: Sequence[str]) -> Iterator[tuple[str, pd.DataFrame]]:
    """The table's parts with the same values in these columns, in the order of the rows."""
    if columns:
        for values, part in table.groupby(list(columns), sort=False):
            yield ", ".join(map(str, values)), part
    else:
        yield "", table


def _all_of(findings: Sequence[Finding]) -> Finding:
    """One finding of several that must all hold."""
    verdicts = [finding.verdict for finding in findings]
    verdict = next((v for v in (FAILS, MISSING, INCONCLUSIVE) if v in verdicts), HOLDS if findings else MISSING)
    return Finding(verdict, " ".join(dict.fromkeys(finding.measured for finding in findings)) or _NOT_MEASURED)


def _reported_name(entry: Entry, rows: pd.DataFrame, path: Sequence[Any]) -> str | None:
    value = thesis_value(path, entry.get("scale", 1))
    return next((row[entry["name"]] for _, row in rows.iterrows() if is_value(row[entry["reported"]], value)), None)


def _reported_point(entry: Entry, rows: pd.DataFrame, path: Sequence[Any]) -> Point | None:
    name = _reported_name(entry, rows, path)
    (column,) = entry["measured"]
    found = rows[rows[entry["name"]] == name]
    return point_of(found.iloc[0], entry["name"], column, entry["n"]) if len(found) else None


def _reason(rows: pd.DataFrame, index: Any) -> str:
    """Why the value of a row is missing."""
    if index is None or "reason" not in rows.columns:
        return _NOT_MEASURED
    reason = str(rows.loc[index, "reason"])
    return _NOT_MEASURED if is_missing(reason) else reason
