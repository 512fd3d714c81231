"""Add images of other sources, under the labels that a model predicts, to the training images of its source."""

from pathlib import Path

import pandas as pd

from hemabalance.balance.audit import AuditSettings
from hemabalance.balance.balanced_set import BalanceSettings
from hemabalance.classify.across import AcrossSettings
from hemabalance.classify.pseudo_labels import Labeller, PseudoLabelInputs, PseudoLabelSettings, write_pseudo_labelled
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as images:
    inputs, out, settings, views = snakemake.input, snakemake.output, run.settings, run.settings["views"]
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    across = AcrossSettings(**views | {"zooms": tuple(views["zooms"])})
    seen = zip(settings["lists"], inputs.seen, strict=True)
    write_pseudo_labelled(
        Labeller(f"{settings['teacher']}, seed {settings['training']}", Path(inputs.weights), across, runtime),
        PseudoLabelInputs(
            images,
            read_split(Path(inputs.split)),
            pd.concat([read_manifest(Path(path)) for path in inputs.manifests], ignore_index=True),
            [read_seen_images("normalizer", name, Path(path)) for name, path in seen],
        ),
        PseudoLabelSettings(
            settings["confidence"],
            tuple(settings["classes"]),
            BalanceSettings(**settings["balance"]),
            AuditSettings(**settings["audit"]),
        ),
        **{name: Path(out[name]) for name in ("table", "audit", "accepted")},
        seed=settings["seed"],
        threads=run.threads,
    )
