"""One sentence for each role of classes: which generator is best by FID and KID, with floor, gate and copies."""

import pandas as pd

from hemabalance.report.cells import NOT_AVAILABLE
from hemabalance.report.results.points import seconds
from hemabalance.report.results.run_tables import RunTables, is_missing

ROLES = {"rich": "classes with many images", "rare": "rare classes"}
"""Role of classes in tables -> words."""

_EQUAL = 1.25
"""Training times count as equal if the longest is at most this many times the shortest."""


def best_generators(tables: RunTables) -> list[str]:
    """A sentence for each role."""
    return [_sentence(tables, role) for role in ROLES]


def _sentence(tables: RunTables, role: str) -> str:
    fid = tables.table("synthesis_fid")
    rows = fid[fid["classes"] == role]
    measured = rows[(rows["images"] == "generated") & ~rows["measured_fid"].map(is_missing)]
    if not len(measured):
        return f"For {ROLES[role]}: {NOT_AVAILABLE}: no generator was measured in this run."
    first, by_kid = (measured.loc[_lowest(measured[column])] for column in ("measured_fid", "measured_kid_x1000"))
    value = _value(first, "measured_fid")
    text = f"For {ROLES[role]}, `{first['generator']}` has the lowest FID of {len(measured)}: {value}"
    if first["generator"] == by_kid["generator"]:
        text += f", and the lowest KID ({_value(first, 'measured_kid_x1000')}, x 1000)"
    else:
        text += f"; by KID it is `{by_kid['generator']}` ({_value(by_kid, 'measured_kid_x1000')}, x 1000)"
    runner_up = measured.drop(index=first.name)
    if len(runner_up):
        second = runner_up.loc[_lowest(runner_up["measured_fid"])]
        text += f"; next by FID is `{second['generator']}` ({_value(second, 'measured_fid')}{_overlap(first, second)})"
    names = list(dict.fromkeys([first["generator"], by_kid["generator"]]))
    details = [_floor(rows, first["generator"]), *(_of_generator(tables, role, name) for name in names)]
    return "; ".join([text, *details, _time(tables, role, list(measured["generator"]))]) + "."


def _lowest(values: "pd.Series[str]") -> object:
    return pd.to_numeric(values, errors="coerce").idxmin()


def _value(row: "pd.Series[str]", column: str) -> str:
    low, high = row[f"{column}_low"], row[f"{column}_high"]
    return str(row[column]) if is_missing(low) else f"{row[column]} ({low} to {high})"


def _overlap(first: "pd.Series[str]", second: "pd.Series[str]") -> str:
    ends = first["measured_fid_high"], second["measured_fid_low"]
    if any(map(is_missing, ends)):
        return ""
    return ", intervals overlap" if float(ends[1]) <= float(ends[0]) else ""


def _floor(rows: pd.DataFrame, generator: str) -> str:
    floors = rows[rows["images"].str.startswith("floor")]
    for _, row in floors.iterrows():
        if generator in row["generator"].split(", ") and not is_missing(row["measured_fid"]):
            kid = row["measured_kid_x1000"]
            return f"floor of real images: FID {_value(row, 'measured_fid')}, KID {kid}"
    return f"floor of real images {NOT_AVAILABLE}: no real image was held back"


def _of_generator(tables: RunTables, role: str, name: str) -> str:
    """Yield of the gate and copies of a generator."""
    gate, memory = (_all_classes(tables.table(f"synthesis_{kind}"), role, name) for kind in ("gate", "memory"))
    accepted = "no draws" if gate is None else f"{gate['accepted']} of {gate['drawn']} draws pass the gate"
    copies = "copies not measured" if memory is None else f"{memory['copies']} of {memory['n']} are copies"
    return f"of `{name}`, {accepted} and {copies}"


def _all_classes(table: pd.DataFrame, role: str, name: str) -> "pd.Series[str] | None":
    rows = table[(table["classes"] == role) & (table["generator"] == name) & (table["class"] == "all")]
    if "images" in rows:
        rows = rows[rows["images"] == "generated"]
    return rows.iloc[0] if len(rows) else None


def _time(tables: RunTables, role: str, names: list[str]) -> str:
    """Whether the compared generators were trained for the same time."""
    cost = tables.table("synthesis_cost")
    rows = cost[(cost["classes"] == role) & cost["generator"].isin(names)]
    times = {row["generator"]: row["measured_training_time"] for _, row in rows.iterrows()}
    shortest, longest = (pick(times, key=lambda name: seconds(times[name])) for pick in (min, max))
    of_all = set(cost.loc[cost["classes"] == "all", "generator"])
    note = "".join(f"; `{name}` learned all classes in its time" for name in times if name in of_all)
    if seconds(times[longest]) <= _EQUAL * seconds(times[shortest]):
        return f"all were trained for about the same time ({times[shortest]} to {times[longest]}){note}"
    return (
        f"training times were not equal: {times[shortest]} (`{shortest}`) to {times[longest]} (`{longest}`), at the "
        f"numbers of steps in the table of costs{note}"
    )
