"""Put real and synthetic images of each class together, and prove that no test image leaked."""

from pathlib import Path

import pandas as pd

from hemabalance.balance.audit import AuditSettings
from hemabalance.balance.balanced_set import BalanceSettings
from hemabalance.balance.build import BalanceRecipe, build_balanced
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage

with stage(snakemake) as run, open_sets(run.settings["sets"], snakemake.input.images, snakemake.input.indexes) as sets:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    build_balanced(
        BalanceRecipe(**settings["recipe"] | {"roles": RolesConfig.of(settings["recipe"]["roles"])}),
        sets,
        {name: Path(path) for name, path in zip(settings["sets"][1:], inputs.gates, strict=True)},
        [read_seen_images(*whose, Path(path)) for whose, path in zip(settings["lists"], inputs.lists, strict=True)],
        read_split(Path(inputs.split)),
        pd.concat([read_manifest(Path(path)) for path in inputs.manifests], ignore_index=True),
        BalanceSettings(**settings["balance"]),
        AuditSettings(**settings["audit"]),
        table=Path(out.table),
        audit=Path(out.audit),
        seed=settings["seed"],
        threads=run.threads,
    )
