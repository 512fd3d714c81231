"""Fetch the networks that images are judged with, and the one whose frozen features logistic regression stands on."""

from pathlib import Path

from hemabalance.metrics import imagenet_weights, inception_weights, lpips_weights
from hemabalance.stage import stage

with stage(snakemake):
    imagenet_weights.WEIGHTS.fetch(path=Path(snakemake.output.imagenet))
    inception_weights.WEIGHTS.fetch(path=Path(snakemake.output.inception))
    lpips_weights.WEIGHTS.fetch(path=Path(snakemake.output.lpips))
