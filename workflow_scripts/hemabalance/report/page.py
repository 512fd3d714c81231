"""The page that shows a run: one HTML file that works offline."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hemabalance.files import atomic_path
from hemabalance.report.cells import NO_REASON, NOT_AVAILABLE, NOT_REPORTED
from hemabalance.report.classify.headline import read_headline
from hemabalance.report.titles import place_of, sections

_NO_NUMBERS = (NOT_AVAILABLE, NOT_REPORTED, NO_REASON, "")


def write_page(
    path: Path,
    *,
    run: str,
    taxonomy: str,
    origins: Mapping[str, str],
    tables: Sequence[Path],
    figures: Sequence[Path],
    receipts: Sequence[Path],
    headline: Path | None = None,
) -> None:
    """Write the report of a run.

    Args:
        path: HTML to write.
        run: its name.
        taxonomy: which taxonomy the labels follow.
        origins: source -> `download`, `local` or `phantom`.
        tables: CSV files, shown with the figures in the sections and the order of `titles.yaml`; files that share
            a title there (of several protocols or normalisers) in the order given.
        figures: SVG files, embedded.
        receipts: what each archive is (`sources.inventory.take_inventory`).
        headline: what the page opens with (`headline.write_headline`); nothing where no classifiers were compared.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    shown = [*map(_table, tables), *map(_figure, figures)]
    shown.sort(key=lambda item: item["order"])
    parts = [
        {
            "name": name,
            "title": section.title,
            "note": section.note,
            "shown": [s for s in shown if s["section"] == name],
        }
        for name, section in sections().items()
    ]
    html = environment.get_template("page.html").render(
        run=run,
        taxonomy=taxonomy,
        phantom="phantom" in origins.values(),
        sections=[part for part in parts if part["shown"]],
        headline=read_headline(headline) if headline else None,
        receipts=[{"source": p.stem, **json.loads(p.read_text("utf-8"))} for p in receipts],
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


def _table(path: Path) -> dict[str, Any]:
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    kinds = {column: "number" if _numeric(table[column]) else "text" for column in table.columns}
    table = _folded(table)
    return {
        "name": path.name,
        **asdict(place_of(path.name)),
        "columns": [column.replace("_", " ") for column in table.columns],
        "kinds": [kinds[column] for column in table.columns],
        "missing": (NOT_AVAILABLE, NOT_REPORTED),
        "rows": table.to_numpy().tolist(),
        "address": None,
    }


def _folded(table: pd.DataFrame) -> pd.DataFrame:
    """The table with each interval in the cell of its value, and without a column of reasons where none is given."""
    folded: dict[str, pd.Series] = {}
    value = ""
    for column in table.columns:
        if column in ("low", f"{value}_low"):
            high = table[column.removesuffix("low") + "high"]
            known = table[column] != NOT_AVAILABLE
            folded[value] = folded[value].where(~known, folded[value] + " (" + table[column] + " to " + high + ")")
        elif column not in ("high", f"{value}_high") and not (
            column == "reason" and (table[column] == NO_REASON).all()
        ):
            folded[column], value = table[column], column
    return pd.DataFrame(folded)


def _numeric(cells: pd.Series) -> bool:
    """Whether a column holds numbers, as far as it holds anything."""
    return bool(pd.to_numeric(cells[~cells.isin(_NO_NUMBERS)], errors="coerce").notna().all())


def _figure(path: Path) -> dict[str, Any]:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"name": path.name, **asdict(place_of(path.name)), "address": f"data:image/svg+xml;base64,{data}"}
