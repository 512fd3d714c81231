"""Render one source's phantom archive in the layout of the public one."""

from pathlib import Path

from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.phantom.archive import write_archive
from hemabalance.sources.phantom.plan import scaled_counts
from hemabalance.stage import stage

with stage(snakemake) as run:
    source, phantom = snakemake.wildcards.source, run.settings["phantom"]
    public_counts = load_catalogue(Path(snakemake.input.catalogue))[source].counts
    write_archive(
        Path(snakemake.output.archive),
        source,
        seed=run.settings["seed"],
        counts=scaled_counts(public_counts, fraction=phantom["fraction"], min_images=phantom["min_images"]),
        size=phantom["size"],
        threads=run.threads,
    )
