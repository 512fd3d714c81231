"""Measure what a classifier said of the test images, and how far experts agree on them."""

from pathlib import Path

from hemabalance.classify.measure import measure_predictions
from hemabalance.classify.yardstick import write_yardstick
from hemabalance.stage import stage

with stage(snakemake) as run:
    predictions, wanted = Path(snakemake.input.predictions), run.settings
    measure_predictions(
        predictions,
        Path(snakemake.input.calibration),
        Path(snakemake.output.metrics),
        experiment=wanted["experiment"],
        protocol=wanted["protocol"],
        seed=wanted["training"],
        draw=wanted["seed"],
    )
    write_yardstick(
        Path(snakemake.input.manifest),
        predictions,
        Path(snakemake.output.yardstick),
        taxonomy=wanted["taxonomy"],
    )
