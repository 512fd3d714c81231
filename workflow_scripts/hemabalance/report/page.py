"""The page that shows a run: one HTML file that works offline."""

import base64
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from hemabalance.files import atomic_path

TITLES = {
    "statuses": (
        "What became of every archive member",
        "One row a source; every member of the archives is counted once.",
    ),
    "collected_mendeley": ("Images in source A (thesis Table 2)", "By class folder."),
    "collected_tcia": ("Images in source B (thesis Table 3)", "By the archive's folder codes."),
    "removed_tcia": (
        "Images of source B that were set aside (thesis Table 4)",
        "The thesis had an expert remove images and the list is lost; ours are what software can prove, plus "
        "data/exclusions.csv.",
    ),
    "removed_mendeley": ("Images of source A that were set aside (thesis Table 5)", "As above."),
    "final_counts": ("Images by final class (thesis Table 6)", "After cleaning, before any balancing."),
    "split_leak_free": (
        "Split, protocol leak_free",
        "Real images are split first, copies kept together; nothing downstream sees a test image except evaluation.",
    ),
    "split_thesis": (
        "Split, protocol thesis",
        "The thesis splits after balancing: every real image is in the pool here.",
    ),
    "scale": (
        "Scale of the sources",
        "Median diameter of single round red cells as a share of the frame, with a 95 % interval. field is the part of "
        "the frame that this run uses; field for one scale would show red cells of all sources equally large.",
    ),
    "contact_sheet_mendeley": ("Contact sheet, source A", "Kept images at the working size, chosen by a hash."),
    "contact_sheet_tcia": ("Contact sheet, source B", "Kept images at the working size, chosen by a hash."),
    "copies_sheet": ("Copies", "Each image that was set aside (right) beside the one that stays (left)."),
}


def write_page(
    path: Path,
    *,
    run: str,
    taxonomy: str,
    origins: Mapping[str, str],
    tables: Sequence[Path],
    figures: Sequence[Path],
    receipts: Sequence[Path],
) -> None:
    """Write the report of a run.

    Args:
        path: HTML to write.
        run: its name.
        taxonomy: which taxonomy the labels follow.
        origins: source -> `download`, `local` or `phantom`.
        tables: CSV files, shown in the order of `TITLES`.
        figures: SVG files, embedded.
        receipts: what each archive is (`sources.inventory.take_inventory`).
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    order = {name: place for place, name in enumerate(TITLES)}
    html = environment.get_template("page.html").render(
        run=run,
        taxonomy=taxonomy,
        phantom="phantom" in origins.values(),
        tables=[_table(p) for p in sorted(tables, key=lambda p: order[p.stem])],
        figures=[_figure(p) for p in sorted(figures, key=lambda p: order[p.stem])],
        receipts=[{"source": p.stem, **json.loads(p.read_text("utf-8"))} for p in receipts],
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


def _table(path: Path) -> dict[str, Any]:
    title, note = TITLES[path.stem]
    table = pd.read_csv(path, dtype="str", keep_default_na=False)
    return {
        "name": path.stem,
        "title": title,
        "note": note,
        "columns": [column.replace("_", " ") for column in table.columns],
        "rows": table.to_numpy().tolist(),
    }


def _figure(path: Path) -> dict[str, str]:
    title, note = TITLES[path.stem]
    data = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"name": path.stem, "title": title, "note": note, "address": f"data:image/svg+xml;base64,{data}"}
