"""Render the same cells in both stains."""

from pathlib import Path

from hemabalance.sources.phantom.pairs import LOOKS, write_pairs
from hemabalance.stage import stage

with stage(snakemake) as run:
    files = zip(snakemake.output.images, snakemake.output.indexes, strict=True)
    write_pairs(
        {look: (Path(images), Path(index)) for look, (images, index) in zip(LOOKS, files, strict=True)},
        counts=run.settings["pairs"],
        frame=run.settings["frame"],
        seed=run.settings["seed"],
        threads=run.threads,
        **run.settings["images"],
    )
