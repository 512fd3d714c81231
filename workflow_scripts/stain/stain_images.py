"""Bring all images of both sources to the stains that a direction asks for."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.apply import write_normalised
from hemabalance.stain.data import open_sets, size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    sets = open_sets(inputs.images, inputs.indexes, stack)
    spec = NormalizerSpec.of(settings["normalizer"])
    normalizer = open_normalizer(spec, Path(inputs.weights), size=size_of(sets), runtime=runtime)
    write_normalised(
        sets,
        read_split(Path(inputs.split)),
        normalizer,
        Path(out.images),
        Path(out.index),
        name=snakemake.wildcards.normalizer,
        direction=settings["direction"],
        classes=tuple(settings["classes"]),
        threads=run.threads,
    )
