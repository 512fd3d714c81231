"""The report of a run: one HTML file that works offline."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.files import atomic_path
from hemabalance.report.classify.headline import read_opening
from hemabalance.report.items import environment, figure_item, table_item
from hemabalance.report.reported import THESIS
from hemabalance.report.titles import place_of, sections


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
    recommendation: Path | None = None,
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
        figures: SVG and WebP files, embedded in the page.
        receipts: JSON file of each archive, named after its source (`sources.inventory.take_inventory`).
        headline: JSON file of the opening section (`headline.write_opening`); None if no classifiers were compared.
        recommendation: JSON file of the recommended experiment (`headline.write_opening`); None for none.

    Raises:
        KeyError: a table or figure has no entry in `titles.yaml`.
    """
    items = [_placed(path, preset, table_item) for path in tables]
    items += [_placed(path, preset, figure_item) for path in figures]
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
    html = (
        environment()
        .get_template("page.html")
        .render(
            run=run,
            thesis=preset == THESIS,
            taxonomy=taxonomy,
            phantom="phantom" in origins.values(),
            sections=[section for section in page_sections if section["shown"]],
            headline=read_opening(headline) if headline else None,
            recommendation=read_opening(recommendation) if recommendation else None,
            receipts=[{"source": p.stem, **json.loads(p.read_text("utf-8"))} for p in receipts],
        )
    )
    with atomic_path(path) as part:
        part.write_text(html, "utf-8")


def _placed(path: Path, preset: str, item: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    place = place_of(path.name, preset)
    return item(path, title=place.title, note=place.note) | {"section": place.section, "order": place.order}
