"""Draw images of each class: real, normalised, reconstructed."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.report.stain.figures import stain_rows
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets, size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    given, wanted = snakemake.input, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    sets = open_sets(given.images, given.indexes, stack)
    spec = NormalizerSpec.of(wanted["normalizer"])
    stain_rows(
        spec.traits,
        open_normalizer(spec, Path(given.weights), size=size_of(sets), runtime=runtime),
        sets,
        read_split(Path(given.split)),
        Path(snakemake.output.figure),
        protocol=wanted["protocol"],
        threads=run.threads,
    )
