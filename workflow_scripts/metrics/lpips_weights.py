"""Fetch the network of LPIPS."""

from pathlib import Path

from hemabalance.metrics.lpips_weights import WEIGHTS
from hemabalance.stage import stage

with stage(snakemake):
    WEIGHTS.fetch(Path(snakemake.output.weights))
