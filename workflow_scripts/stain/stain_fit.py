"""Fit one stain normaliser."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.pairs import read_pairs
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.stain.data import open_domains, open_pair, size_of
from hemabalance.stain.fit import NormalizerFitInputs, NormalizerFitOutputs, fit_normalizer, open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with stage(snakemake) as run, ExitStack() as stack:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    rendered = open_domains(inputs.pairs, indexes=inputs.pair_indexes, stack=stack) if inputs.get("pairs") else {}
    cells = [
        read_pairs(images=images, part="train", kind="photograph", threads=run.threads) for images in rendered.values()
    ]
    pair = open_pair(settings["pair"], images=inputs.images, indexes=inputs.indexes, stack=stack)
    imitated, teacher = settings.get("teacher"), None
    if imitated:
        spec, weights = NormalizerSpec.from_plain(imitated), Path(inputs.teacher)
        teacher = open_normalizer(spec, weights, size=size_of(pair.sets), runtime=runtime)
    fit_normalizer(
        spec=NormalizerSpec.from_plain(settings["normalizer"]),
        inputs=NormalizerFitInputs(
            images=pair,
            split=read_split(Path(inputs.split)),
            protocol=settings["protocol"],
            rendered=tuple(cells) if cells else None,
            teacher=teacher,
        ),
        job=FitJob(
            runtime=runtime, state=run.state, history=Path(out.history), threads=run.threads, seed=settings["seed"]
        ),
        outputs=NormalizerFitOutputs(weights=Path(out.weights), training=Path(out.training), seen=Path(out.seen)),
    )
