"""Write tables and figures about the source archives."""

from pathlib import Path

import pandas as pd

from hemabalance.dataset.fields import method_of, numbers_of
from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.scale import read_sizes
from hemabalance.dataset.splits import read_split
from hemabalance.files import named_paths
from hemabalance.report.dataset.scale import Scale
from hemabalance.report.dataset.write import Vocabulary, write_dataset_report
from hemabalance.stage import stage

with (
    stage(snakemake) as run,
    open_sets(names=run.settings["sets"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
):
    inputs, fields = snakemake.input, run.settings["fields"]
    scale = Scale(fields, numbers_of(fields, inputs.fields), method_of(inputs.fields))
    splits = zip(run.settings["protocols"], inputs.splits, strict=True)
    write_dataset_report(
        manifest=pd.concat([read_manifest(Path(path)) for path in inputs.manifests], ignore_index=True),
        vocabulary=Vocabulary(**run.settings["vocabulary"]),
        splits={protocol: read_split(Path(path)) for protocol, path in splits},
        sets=sets,
        scale=scale,
        sizes=read_sizes(named_paths(sorted(fields), inputs.sizes)),
        out={name: Path(path) for name, path in snakemake.output.items()},
        seed=run.settings["seed"],
    )
