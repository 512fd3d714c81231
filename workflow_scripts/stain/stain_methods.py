"""Draw the same images under every normaliser that is compared."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.report.stain.figures import stain_methods
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets, size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, settings = snakemake.input, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    sets, opened = open_sets(inputs.images, inputs.indexes, stack), {}
    for one, path in zip(settings["normalizers"], inputs.weights, strict=True):
        spec = NormalizerSpec.of(one["normalizer"])
        opened[one["name"]] = open_normalizer(spec, Path(path), size=size_of(sets), runtime=runtime)
    stain_methods(
        opened,
        sets,
        read_split(Path(inputs.split)),
        Path(snakemake.output.figure),
        protocol=settings["protocol"],
        threads=run.threads,
    )
