"""Compute the Inception features of the unmapped images on which normalisers are evaluated."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.data import evaluation_rows, open_pair
from hemabalance.stain.real_features import inception_features, real_features, write_real_features
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, settings = snakemake.input, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    images = open_pair(settings["pair"], images=inputs.images, indexes=inputs.indexes, stack=stack)
    split, protocol = read_split(Path(inputs.split)), settings["protocol"]
    rows = evaluation_rows(split, images.pair, protocol, max_images=settings["max_images"])
    extract = inception_features(Path(inputs.inception), runtime)
    write_real_features(
        Path(snakemake.output.features), real_features(images=images, rows=rows, extract=extract, threads=run.threads)
    )
