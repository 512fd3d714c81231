"""Predict images of all sources by a model that was trained on labels of one source alone."""

from pathlib import Path

from hemabalance.classify.across import AcrossSettings, predict_across
from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.seen_images import read_seen_images
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.training.device import start

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as images:
    inputs, views = snakemake.input, run.settings["views"]
    predict_across(
        Path(inputs.weights),
        images,
        read_split(Path(inputs.split)),
        AcrossSettings(**views | {"zooms": tuple(views["zooms"])}),
        start(**run.device, precision=run.settings["precision"], seed=run.settings["seed"], threads=run.threads),
        Path(snakemake.output.predictions),
        seen=[read_seen_images("normalizer", run.settings["normalizer"], Path(path)) for path in inputs.seen],
        threads=run.threads,
    )
