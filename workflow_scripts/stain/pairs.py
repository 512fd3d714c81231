"""Render the same cells in both stains."""

from pathlib import Path

from hemabalance.sources.phantom.pairs import STAIN_DOMAINS, write_pairs
from hemabalance.stage import stage

with stage(snakemake) as run:
    files = zip(snakemake.output.images, snakemake.output.indexes, strict=True)
    write_pairs(
        {domain: (Path(images), Path(index)) for domain, (images, index) in zip(STAIN_DOMAINS, files, strict=True)},
        looks=dict(zip(STAIN_DOMAINS, run.settings["looks"], strict=True)),
        counts=run.settings["pairs"],
        frame=run.settings["frame"],
        seed=run.settings["seed"],
        threads=run.threads,
        **run.settings["images"],
    )
