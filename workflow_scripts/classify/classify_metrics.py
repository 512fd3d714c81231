"""Measure what a classifier said of the test images, and how far experts agree on them."""

from pathlib import Path

from hemabalance.classify.expert_agreement import write_expert_agreement
from hemabalance.classify.measure import measure_predictions
from hemabalance.stage import stage

with stage(snakemake) as run:
    predictions, settings = Path(snakemake.input.predictions), run.settings
    measure_predictions(
        predictions,
        Path(snakemake.input.calibration),
        Path(snakemake.output.metrics),
        experiment=settings["experiment"],
        protocol=settings["protocol"],
        seed=settings["training"],
        resample_seed=settings["seed"],
    )
    write_expert_agreement(
        Path(snakemake.input.manifest),
        predictions,
        Path(snakemake.output.expert_agreement),
        taxonomy=settings["taxonomy"],
    )
