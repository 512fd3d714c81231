"""Render the archive of one source."""

from pathlib import Path

from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.phantom.write import write_source
from hemabalance.stage import stage

with stage(snakemake) as run:
    source = snakemake.wildcards.source
    entry = load_catalogue(Path(snakemake.input.catalogue)).get(source)
    write_source(
        Path(snakemake.output.archive),
        source,
        laboratory=run.settings["laboratory"],
        classes=run.settings["classes"],
        public_counts=entry and entry.counts,
        phantom=run.settings["phantom"],
        seed=run.settings["seed"],
        threads=run.threads,
    )
