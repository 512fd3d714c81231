"""Count the images, measure how large each source shows its cells, and draw what there is."""

from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.splits import read_split
from hemabalance.report.dataset.write import write_dataset_report
from hemabalance.stage import stage

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    given, fields = snakemake.input, run.settings["fields"]
    splits = zip(run.settings["protocols"], given.splits, strict=True)
    write_dataset_report(
        manifest=pd.concat([read_manifest(Path(path)) for path in given.manifests], ignore_index=True),
        splits={protocol: read_split(Path(path)) for protocol, path in splits},
        sets=sets,
        fields=fields,
        out={name: Path(path) for name, path in snakemake.output.items()},
        seed=run.settings["seed"],
    )
