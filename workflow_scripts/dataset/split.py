"""Split the kept images of all sources by one protocol."""

from pathlib import Path

import pandas as pd

from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.splits import split, write_split
from hemabalance.stage import stage

with stage(snakemake) as run:
    manifest = pd.concat([read_manifest(Path(path)) for path in snakemake.input.manifests], ignore_index=True)
    table = split(manifest, run.settings["protocol"], seed=run.settings["seed"], **run.settings["split"])
    write_split(table, Path(snakemake.output.split))
