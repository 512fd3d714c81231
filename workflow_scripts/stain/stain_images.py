"""Map the images of all sources to the stains that a direction determines."""

from pathlib import Path

from hemabalance.dataset.imageset import open_sets
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.apply import MappingRule, Normalisation, write_normalised
from hemabalance.stain.data import size_of
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with (
    stage(snakemake) as run,
    open_sets(run.settings["sources"], zips=snakemake.input.images, indexes=snakemake.input.indexes) as sets,
):
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    spec, size = NormalizerSpec.from_plain(settings["normalizer"]), size_of(sets)
    write_normalised(
        sets=sets,
        split=read_split(Path(inputs.split)),
        normalisations=[
            Normalisation(**fitted, normalizer=open_normalizer(spec, Path(weights), size=size, runtime=runtime))
            for fitted, weights in zip(settings["fitted"], inputs.weights, strict=True)
        ],
        rule=MappingRule(settings["direction"], settings["classes"] and tuple(settings["classes"])),
        zip_path=Path(out.images),
        index_path=Path(out.index),
        threads=run.threads,
    )
