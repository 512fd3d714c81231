"""Predict synthetic images and real training images, which a leak-free test leaves out."""

from pathlib import Path

from hemabalance.balance.balanced_set import read_balanced
from hemabalance.classify.predict_other_parts import OtherParts, predict_other_parts
from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.tables import read_table
from hemabalance.stage import stage
from hemabalance.synthesis.gate_table import SCHEMA
from hemabalance.training.device import start

with (
    stage(snakemake) as run,
    open_sets(names=run.settings["sets"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
):
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    gates = [read_table(Path(path), SCHEMA) if settings["gated"] else None for path in inputs.gates]
    predict_other_parts(
        Path(inputs.weights),
        read_balanced(Path(inputs.table)),
        sets,
        dict(zip(settings["sets"][1:], gates, strict=True)),
        start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads),
        OtherParts(Path(out.synthetic), Path(out.real_training)),
        threads=run.threads,
    )
