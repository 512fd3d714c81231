"""Label all members, find copies, check that everything has its use, and write one manifest a source."""

from pathlib import Path

import pandas as pd

from hemabalance.bookkeeping.plain_paths import users_path
from hemabalance.dataset.claims import check_claims
from hemabalance.dataset.class_map import class_map
from hemabalance.dataset.exclusions import read_exclusions
from hemabalance.dataset.manifest import build_manifest
from hemabalance.dataset.manifest_table import write_manifest
from hemabalance.stage import stage

with stage(snakemake) as run:
    classes = run.settings["classes"]
    maps = {source: class_map(labels, classes) for source, labels in run.settings["sources"].items()}
    inventories = pd.concat([pd.read_parquet(path) for path in snakemake.input.tables], ignore_index=True)
    manifest = build_manifest(
        inventories,
        read_exclusions(users_path(snakemake.input.exclusions), set(inventories["image_id"])),
        maps=maps,
        threads=run.threads,
        **run.settings["duplicates"],
    )
    check_claims(manifest, maps, classes, allow_unclaimed=run.settings["allow_unclaimed"])
    for source, path in zip(sorted(maps), snakemake.output.manifests, strict=True):
        write_manifest(manifest[manifest["source"] == source].reset_index(drop=True), Path(path))
