"""Average the predictions of several experiments, seed by seed, and measure the mean."""

from pathlib import Path

from hemabalance.classify.average import average_predictions
from hemabalance.stage import stage

with stage(snakemake) as run:
    average_predictions(
        [Path(path) for path in snakemake.input.members],
        Path(snakemake.output.metrics).parent,
        **run.settings["origin"],
        resample_seed=run.settings["seed"],
    )
