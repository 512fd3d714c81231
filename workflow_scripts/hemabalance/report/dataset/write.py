"""Write all tables and figures about the source archives."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.metrics.cell_size import CellSizes
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import count_tables, split_table
from hemabalance.report.dataset.scale import Scale, scale_figure, scale_table
from hemabalance.report.sheets import contact_sheet, copies_sheet


@dataclass(frozen=True)
class Vocabulary:
    """The names in the tables.

    Attributes:
        labels: source -> its labels.
        classes: the classes of the run.
        preset: name of the preset, which decides whether values of the thesis are shown.
    """

    labels: Mapping[str, Sequence[str]]
    classes: Sequence[str]
    preset: str


def write_dataset_report(
    *,
    manifest: pd.DataFrame,
    vocabulary: Vocabulary,
    splits: Mapping[str, pd.DataFrame],
    sets: Mapping[str, ImageSet],
    scale: Scale,
    sizes: Mapping[str, CellSizes],
    out: Mapping[str, Path],
    seed: int,
) -> None:
    """Write the counts of images, the scale of each source, contact sheets, and the sheet of copies.

    Args:
        manifest: rows of all sources.
        vocabulary: labels, classes and preset of the run.
        splits: protocol -> split.
        sets: source -> kept images; `<source>_copies` -> images set aside as copies.
        scale: the share of the frame that is used of each source.
        sizes: source -> size of the cells in its photographs, as shares of the frame.
        out: name of a table of `counts.count_tables`, `split_<protocol>`, `scale` -> CSV to write;
            `contact_sheet_<source>`, `copies_sheet`, `diameters` -> SVG to write.
        seed: seed of the choice of images.

    Raises:
        InputError: an image is missing or damaged, or the disk is full.
    """
    counts = count_tables(manifest, vocabulary.labels, vocabulary.classes, vocabulary.preset)
    for name, table in counts.items():
        write_csv(table, out[name])
    grouped = bool(manifest["declared_group"].notna().any())
    for protocol, split in splits.items():
        write_csv(split_table(split, grouped=grouped), out[f"split_{protocol}"])
    kept = {source: sets[source] for source in sorted(scale.fields)}
    write_csv(scale_table(sizes, scale), out["scale"])
    scale_figure(sizes, scale, out["diameters"])
    for source, images in kept.items():
        contact_sheet(images, out[f"contact_sheet_{source}"], seed=seed)
    copies_sheet(manifest, list(sets.values()), out["copies_sheet"])
