"""Read every member of an archive and write its inventory table and receipt."""

from pathlib import Path

from hemabalance.bookkeeping.plain_paths import users_path
from hemabalance.dataset.tables import write_table
from hemabalance.files import write_json
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.inventory import take_inventory
from hemabalance.stage import stage

with stage(snakemake) as run:
    table, receipt = take_inventory(
        path=users_path(snakemake.input.archive),
        source=snakemake.wildcards.source,
        entry=load_catalogue(Path(snakemake.input.catalogue))[snakemake.wildcards.source],
        limits=Limits(**run.settings["limits"]),
        pixels=PixelLimits(**run.settings["pixels"]),
        threads=run.threads,
    )
    write_table(table, Path(snakemake.output.table))
    write_json(receipt, Path(snakemake.output.receipt))
