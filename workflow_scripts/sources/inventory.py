"""Read every member of an archive and write its inventory table and receipt."""

from pathlib import Path

from hemabalance.bookkeeping.plain_paths import users_path
from hemabalance.config.sources import LabelsConfig
from hemabalance.dataset.class_map import class_map
from hemabalance.dataset.tables import write_table
from hemabalance.files import write_json
from hemabalance.sources.archives import Limits
from hemabalance.sources.catalogue import load_catalogue
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.inventory import take_inventory
from hemabalance.sources.labels import LabelRules
from hemabalance.stage import stage

with stage(snakemake) as run:
    source, found = snakemake.wildcards.source, run.settings["source"]
    tables = list(snakemake.input.label_table)
    table, receipt = take_inventory(
        path=users_path(snakemake.input.archive),
        rules=LabelRules(
            source,
            LabelsConfig.from_plain(found["labels"]),
            class_map(found, run.settings["classes"]),
            table=users_path(tables[0]) if tables else None,
            ids=run.settings["ids"],
        ),
        entry=load_catalogue(Path(snakemake.input.catalogue)).get(run.settings["public_name"]),
        limits=Limits(**run.settings["limits"]),
        pixels=PixelLimits(**run.settings["pixels"]),
        threads=run.threads,
        is_rendered=run.settings["is_rendered"],
    )
    write_table(table, Path(snakemake.output.table))
    write_json(receipt, Path(snakemake.output.receipt))
