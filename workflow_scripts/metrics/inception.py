"""Fetch the Inception network of FID and KID."""

from pathlib import Path

from hemabalance.metrics.inception_weights import WEIGHTS
from hemabalance.stage import stage

with stage(snakemake):
    WEIGHTS.fetch(Path(snakemake.output.weights))
