"""All tables and figures of what the archives hold."""

from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import count_tables, split_table
from hemabalance.report.dataset.scale import scale_table
from hemabalance.report.sheets import contact_sheet, copies_sheet


def write_dataset_report(
    *,
    manifest: pd.DataFrame,
    splits: Mapping[str, pd.DataFrame],
    sets: Mapping[str, ImageSet],
    fields: Mapping[str, float],
    out: Mapping[str, Path],
    seed: int,
) -> None:
    """Count images, measure the scale of each source, and draw its images and the copies among them.

    Args:
        manifest: rows of all sources.
        splits: protocol -> its split.
        sets: source -> its kept images; `<source>_copies` -> those set aside.
        fields: source -> the share of the frame that is used, in config.
        out: name of a table of `counts.count_tables`, `split_<protocol>`, `scale` -> CSV to write;
            `contact_sheet_<source>`, `copies_sheet` -> SVG to write.
        seed: of the choice of images.

    Raises:
        InputError: an image is missing or damaged, or the disk is full.
    """
    for name, table in count_tables(manifest).items():
        write_csv(table, out[name])
    for protocol, split in splits.items():
        write_csv(split_table(split), out[f"split_{protocol}"])
    kept = {source: sets[source] for source in sorted(fields)}
    write_csv(scale_table(kept, fields, seed=seed), out["scale"])
    for source, images in kept.items():
        contact_sheet(images, out[f"contact_sheet_{source}"], seed=seed)
    copies_sheet(manifest, list(sets.values()), out["copies_sheet"])
