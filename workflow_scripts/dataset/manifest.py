"""Label all members, find copies, and write one manifest a source."""

from pathlib import Path

import pandas as pd

from hemabalance.bookkeeping.plain_paths import users_path
from hemabalance.dataset.exclusions import read_exclusions
from hemabalance.dataset.manifest import build_manifest
from hemabalance.dataset.manifest_table import write_manifest
from hemabalance.stage import stage

with stage(snakemake) as run:
    inventories = pd.concat([pd.read_parquet(path) for path in snakemake.input.tables], ignore_index=True)
    manifest = build_manifest(
        inventories,
        read_exclusions(users_path(snakemake.input.exclusions), set(inventories["image_id"])),
        taxonomy=run.settings["taxonomy"],
        threads=run.threads,
        **run.settings["duplicates"],
    )
    for source, path in zip(run.settings["sources"], snakemake.output.manifests, strict=True):
        write_manifest(manifest[manifest["source"] == source].reset_index(drop=True), Path(path))
