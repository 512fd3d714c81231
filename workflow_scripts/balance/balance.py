"""Build the balanced set of a recipe from real and synthetic images, and audit it for leaks of test images."""

from pathlib import Path

import pandas as pd

from hemabalance.balance.audit import AuditSettings
from hemabalance.balance.balanced_set import BalanceSettings
from hemabalance.balance.build import BalanceInputs, BalanceRecipe, build_balanced
from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage

with (
    stage(snakemake) as run,
    open_sets(names=run.settings["sets"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
):
    inputs, settings = snakemake.input, run.settings
    gates = {name: Path(path) for name, path in zip(settings["sets"][1:], inputs.gates, strict=True)}
    seen = [read_seen_images(*whose, Path(path)) for whose, path in zip(settings["lists"], inputs.lists, strict=True)]
    manifest = pd.concat([read_manifest(Path(path)) for path in inputs.manifests], ignore_index=True)
    build_balanced(
        recipe=BalanceRecipe(**settings["recipe"] | {"roles": RolesConfig.from_plain(settings["recipe"]["roles"])}),
        inputs=BalanceInputs(
            sets=sets, gates=gates, seen_images=seen, split=read_split(Path(inputs.split)), manifest=manifest
        ),
        settings=BalanceSettings(**settings["balance"]),
        audit_settings=AuditSettings(**settings["audit"]),
        table=Path(snakemake.output.table),
        audit=Path(snakemake.output.audit),
        seed=settings["seed"],
        threads=run.threads,
    )
