"""Download one source's archive and check its content."""

from pathlib import Path

from hemabalance.sources.acquire import fetch
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.download import Transfer
from hemabalance.stage import stage

with stage(snakemake) as run:
    source = snakemake.params.source
    fetch(
        source=source,
        entry=load_catalogue(Path(snakemake.input.catalogue))[source],
        target=Path(snakemake.output.archive),
        transfer=Transfer(**run.settings["download"]),
        limits=Limits(**run.settings["limits"]),
    )
