"""Fetch the network of LPIPS."""

from pathlib import Path

from hemabalance.metrics.lpips_weights import fetch
from hemabalance.stage import stage

with stage(snakemake):
    fetch(Path(snakemake.output.weights))
