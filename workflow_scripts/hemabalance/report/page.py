"""The report of a run: one HTML file that works offline."""

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
from hemabalance.report.interval_columns import fold_intervals
from hemabalance.report.reported import THESIS
from hemabalance.report.titles import place_of, sections

_NON_NUMERIC = (NOT_AVAILABLE, NOT_REPORTED, NO_REASON, "")


def write_page(
    path: Path,
    *,
    run: str,
    preset: str,
    taxonomy: str | None,
    origins: Mapping[str, str],
    tables: Sequence[Path],
    figures: Sequence[Path],
    receipts: Sequence[Path],
    headline: Path | None = None,
) -> None:
    """Write the report of a run.

    Args:
        path: HTML file to write.
        run: name of the run.
        preset: preset of the run; text and columns about the thesis are shown only with `thesis`.
        taxonomy: taxonomy of the labels; None without a preset.
        origins: source -> `download`, `local` or `phantom`.
        tables: CSV files. Tables and figures are shown in the sections and the order of `titles.yaml`; files with the
            same entry (of several protocols or normalisers) in the order of the arguments.
        figures: SVG files, embedded in the page.
        receipts: JSON file of each archive, named after its source (`sources.inventory.take_inventory`).
        headline: JSON file of the opening section (`headline.write_headline`); None if no classifiers were compared.

    Raises:
        KeyError: a table or figure has no entry in `titles.yaml`.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    items = [_table_item(path, preset) for path in tables] + [_figure_item(path, preset) for path in figures]
    items.sort(key=lambda item: item["order"])
    page_sections = [
        {
            "name": name,
            "title": section.title,
            "note": section.note,
            "shown": [item for item in items if item["section"] == name],
        }
        for name, section in sections(preset).items()
    ]
    html = environment.get_template("page.html").render(
        run=run,
        thesis=preset == THESIS,
        taxonomy=taxonomy,
        phantom="phantom" in origins.values(),
        sections=[section for section in page_sections if section["shown"]],
        headline=read_headline(headline) if headline else None,
        receipts=[{"source": p.stem, **json.loads(p.read_text("utf-8"))} for p in receipts],
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


def _table_item(path: Path, preset: str) -> dict[str, Any]:
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    column_kinds = {column: "number" if _is_numeric(table[column]) else "text" for column in table.columns}
    table = fold_intervals(table)
    return {
        "name": path.name,
        **asdict(place_of(path.name, preset)),
        "columns": [column.replace("_", " ") for column in table.columns],
        "kinds": [column_kinds[column] for column in table.columns],
        "missing": (NOT_AVAILABLE, NOT_REPORTED),
        "rows": table.to_numpy().tolist(),
        "address": None,
    }


def _is_numeric(cells: pd.Series) -> bool:
    """Whether all values of a column are numbers, apart from missing ones."""
    return bool(pd.to_numeric(cells[~cells.isin(_NON_NUMERIC)], errors="coerce").notna().all())


def _figure_item(path: Path, preset: str) -> dict[str, Any]:
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"name": path.name, **asdict(place_of(path.name, preset)), "address": f"data:image/svg+xml;base64,{data}"}
