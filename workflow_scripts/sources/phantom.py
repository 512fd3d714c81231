"""Render one source's archive in its public layout."""

from pathlib import Path

from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.phantom.archive import write_archive
from hemabalance.sources.phantom.plan import scaled_counts
from hemabalance.stage import stage

with stage(snakemake) as run:
    source, wanted = snakemake.wildcards.source, run.settings["phantom"]
    real = load_catalogue(Path(snakemake.input.catalogue))[source].counts
    write_archive(
        Path(snakemake.output.archive),
        source,
        seed=run.settings["seed"],
        counts=scaled_counts(real, fraction=wanted["fraction"], min_images=wanted["min_images"]),
        size=wanted["size"],
        threads=run.threads,
    )
