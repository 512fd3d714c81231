"""Count images by class: reported beside measured."""

from pathlib import Path

import pandas as pd

from hemabalance.dataset.manifest import read_manifest
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import count_tables
from hemabalance.stage import stage

with stage(snakemake) as run:
    manifest = pd.concat([read_manifest(Path(path)) for path in snakemake.input.manifests], ignore_index=True)
    for name, table in count_tables(manifest).items():
        write_csv(table, Path(getattr(snakemake.output, name)))
