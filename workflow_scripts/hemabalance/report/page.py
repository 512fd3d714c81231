"""The report of a run: one HTML file that works offline."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from hemabalance.report.checks import Tables, checks, shown_training
from hemabalance.report.classify.headline import read_opening
from hemabalance.report.first_screen import pictures
from hemabalance.report.items import environment, figure_item, table_item
from hemabalance.report.layout import by_method, with_files, write_html
from hemabalance.report.provenance import provenance
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
    seed: int | None = None,
) -> None:
    """Write the report of a run.

    Args:
        path: HTML file to write.
        run: name of the run.
        preset: preset of the run; text and columns about the thesis are shown only with `thesis`.
        taxonomy: taxonomy of the labels; None without a preset.
        origins: source -> `download`, `local` or `phantom`.
        tables: CSV files. Tables and figures are shown in the sections and the order of `titles.yaml`; files with the
            same entry (of several protocols or normalisers) in the order of the arguments, those of a single method
            together.
        figures: SVG and WebP files, embedded in the page.
        receipts: JSON file of each archive, named after its source (`sources.inventory.take_inventory`).
        headline: JSON file of the opening section (`headline.write_opening`); None if no classifiers were compared.
        recommendation: JSON file of the recommended experiment (`headline.write_opening`); None for none.
        seed: seed of the config, for the block on where the page comes from; None for a page without this block.

    Raises:
        KeyError: a table or figure has no entry in `titles.yaml`.
        InputError: a figure cannot be read.
    """
    items = [_placed(path, preset, table_item) for path in tables]
    items += [_placed(path, preset, figure_item) for path in figures]
    items = with_files(sorted(items, key=lambda item: item["order"]), path)
    page_sections = [
        {"name": name, "title": section.title, "note": section.note}
        | by_method(item for item in items if item["section"] == name)
        for name, section in sections(preset).items()
    ]
    opening, cells = read_opening(headline) if headline else None, Tables({path.name: path for path in tables})
    shown, phantom = shown_training(cells, opening), "phantom" in origins.values()
    write_html(
        environment().get_template("page.html"),
        path,
        run=run,
        thesis=preset == THESIS,
        reported=any(any(item.get("reported", ())) for item in items),
        taxonomy=taxonomy,
        phantom=phantom,
        sections=[section for section in page_sections if section["shown"] or section["methods"]],
        headline=opening,
        recommendation=read_opening(recommendation) if recommendation else None,
        pictures=pictures({path.name: path for path in figures}, cells, shown),
        checks=checks(cells, shown, phantom=phantom) if shown else [],
        receipts=[{"source": p.stem, **json.loads(p.read_text("utf-8"))} for p in receipts],
        provenance=[] if seed is None else provenance(seed, _seeds(cells)),
    )


def _placed(path: Path, preset: str, item: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    place = place_of(path.name, preset)
    values = item(path, title=place.title, note=place.note)
    return values | {"section": place.section, "order": place.order, "method": place.method}


def _seeds(tables: Tables) -> list[int]:
    """Seeds of all classifiers of the page."""
    return [int(seed) for seed in tables.rows("classify_models.csv").get("seed", []) if seed.isdigit()]
