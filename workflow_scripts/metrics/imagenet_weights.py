"""Fetch the network whose frozen features logistic regression stands on."""

from pathlib import Path

from hemabalance.metrics.imagenet_weights import WEIGHTS
from hemabalance.stage import stage

with stage(snakemake):
    WEIGHTS.fetch(Path(snakemake.output.weights))
