"""The card of an exported balanced set: `README.md` with the metadata that Hugging Face reads.

It names licence and citation of each source, as CC BY asks of everyone who passes images on.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import yaml

from hemabalance.balance.balanced_set import PARTS
from hemabalance.errors import InputError

CARD = "README.md"
_IDENTIFIERS = {"CC BY 4.0": "cc-by-4.0", "CC BY 3.0": "cc-by-3.0", "CC0 1.0": "cc0-1.0", "MIT": "mit"}
"""Licence in the catalogue of sources -> its identifier at Hugging Face."""
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}
_MORE = "1M<n<10M"
_NOT_GIVEN = "not given: ask the owner of the images before you pass them on"
_SYNTHETIC = (
    "**Synthetic images.** {synthetic:,} of the {images:,} images are generated, not photographed. {where} Their "
    "generators have learned from the photographs of the sources below. Scores on photographs need the real images "
    "of the test part alone."
)

_RENDERED = "**Rendered cells.** Cells of at least one source are rendered: they are no evidence about blood cells."


@dataclass(frozen=True)
class Source:
    """A source of real images: licence as in the catalogue and citation, both empty if they are not known."""

    licence: str
    citation: str


RENDERED = Source("MIT", "hemabalance, rendered cells")


def sources_of(run: Path, names: Sequence[str]) -> dict[str, Source]:
    """Licence and citation of sources, from the receipts of their archives, as in the report.

    Args:
        run: folder `results/<run>`, with `inventory/<source>.json` of each source.
        names: sources.

    Raises:
        InputError: a receipt is missing or damaged.
    """
    return {name: _source(run, name) for name in names}


def _source(run: Path, name: str) -> Source:
    path = run / "inventory" / f"{name}.json"
    try:
        receipt = json.loads(path.read_text("utf-8"))
        return RENDERED if receipt["rendered"] else Source(receipt["licence"], receipt["citation"])
    except (OSError, ValueError, KeyError) as error:
        problem = "is missing or damaged, and with it the licence of these images"
        raise InputError(path.absolute(), problem, "Run the workflow again, or `dvc pull` this file") from error


def render_card(rows: pd.DataFrame, sources: Mapping[str, Source], size: int, *, title: str) -> str:
    """The card as Markdown with YAML metadata.

    Args:
        rows: rows of a balanced set (`balanced_set.SCHEMA`).
        sources: each source of real images among them.
        size: side of the images in pixels.
        title: heading.
    """
    synthetic = int((rows["origin"] == "synthetic").sum())
    sections = [f"---\n{_metadata(rows, sources, title, synthetic)}---", f"# {title}", _opening(rows, size)]
    if RENDERED in sources.values():
        sections.append(_RENDERED)
    if synthetic:
        parts = rows.loc[rows["origin"] == "synthetic", "part"].unique()
        where = f"They are in the part{'s' if len(parts) > 1 else ''} {', '.join(p for p in PARTS if p in parts)} only."
        if set(parts) == set(PARTS):
            where = "They are in all parts, the test part too."
        sections.append(_SYNTHETIC.format(synthetic=synthetic, images=len(rows), where=where))
    sections += ["## Images by class and part", _counts(rows), "## Sources, licences and citations"]
    sections.append("\n".join(_source_line(name, source, rows) for name, source in sources.items()))
    return "\n\n".join(sections) + "\n"


def _metadata(rows: pd.DataFrame, sources: Mapping[str, Source], title: str, synthetic: int) -> str:
    licences = sorted({_IDENTIFIERS.get(source.licence, "other" if source.licence else "unknown")
                       for source in sources.values()})  # fmt: skip
    content = {
        "pretty_name": title,
        "license": licences[0] if len(licences) == 1 else licences,
        "task_categories": ["image-classification"],
        "tags": ["biology", "medical", "blood-cells", "cytology", *(["synthetic"] if synthetic else [])],
        "size_categories": [next((name for most, name in _SIZES.items() if len(rows) < most), _MORE)],
    }
    return str(yaml.safe_dump(content, sort_keys=False, allow_unicode=True))


def _opening(rows: pd.DataFrame, size: int) -> str:
    return (
        f"{len(rows):,} images of single blood cells, {size} x {size} px, in {rows['label'].nunique()} classes, "
        "exported from a balanced set of hemabalance: images of the sources below, cut, reduced and perhaps brought to "
        "another stain, and, where counted below, synthetic images. For research only; not for diagnosis."
    )


def _counts(rows: pd.DataFrame) -> str:
    columns = [(origin, part) for part in PARTS for origin in ("real", "synthetic")]
    counts = rows.value_counts(["label", "origin", "part"])
    present = [key for key in columns if ((rows["origin"] == key[0]) & (rows["part"] == key[1])).any()]
    labels = sorted(rows["label"].unique())
    table = [[label, *(f"{counts.get((label, *key), 0):,}" for key in present)] for label in labels]
    total = [f"{int(((rows['origin'] == origin) & (rows['part'] == part)).sum()):,}" for origin, part in present]
    head = ["class", *(f"{part}, {origin}" for origin, part in present)]
    lines = [head, ["---", *["---:"] * len(present)], *table, ["all", *total]]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _source_line(name: str, source: Source, rows: pd.DataFrame) -> str:
    images = int((rows["source"] == name).sum())
    line = f"- `{name}`, {images:,} images. Licence: {source.licence or _NOT_GIVEN}."
    return f"{line} Please cite: {source.citation}" if source.citation else line
