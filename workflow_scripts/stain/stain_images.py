"""Map the images of both sources to the stains that a direction determines."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.apply import Normalisation, write_normalised
from hemabalance.stain.data import open_sets, size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    sets = open_sets(images=inputs.images, indexes=inputs.indexes, stack=stack)
    spec = NormalizerSpec.from_plain(settings["normalizer"])
    normalizer = open_normalizer(spec, Path(inputs.weights), size=size_of(sets), runtime=runtime)
    name, direction, classes = snakemake.wildcards.normalizer, settings["direction"], tuple(settings["classes"])
    write_normalised(
        sets=sets,
        split=read_split(Path(inputs.split)),
        normalisation=Normalisation(name=name, normalizer=normalizer, direction=direction, classes=classes),
        zip_path=Path(out.images),
        index_path=Path(out.index),
        threads=run.threads,
    )
