"""Put real and synthetic images of each class together, and prove that no test image leaked."""

from pathlib import Path

import pandas as pd

from hemabalance.balance.audit import AuditSettings
from hemabalance.balance.balanced_set import BalanceSettings
from hemabalance.balance.make import Recipe, make_balanced
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.seen import read_seen
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    make_balanced(
        Recipe(**wanted["recipe"] | {"roles": RolesConfig.of(wanted["recipe"]["roles"])}),
        sets,
        {name: Path(path) for name, path in zip(wanted["sets"][1:], given.gates, strict=True)},
        [read_seen(*whose, Path(path)) for whose, path in zip(wanted["lists"], given.lists, strict=True)],
        read_split(Path(given.split)),
        pd.concat([read_manifest(Path(path)) for path in given.manifests], ignore_index=True),
        BalanceSettings(**wanted["balance"]),
        AuditSettings(**wanted["audit"]),
        table=Path(out.table),
        audit=Path(out.audit),
        seed=wanted["seed"],
        threads=run.threads,
    )
