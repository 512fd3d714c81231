"""Evaluate one stain normaliser."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.files import write_json
from hemabalance.stage import stage
from hemabalance.stain.data import open_domains, open_pair, size_of
from hemabalance.stain.evaluate import NormalizerEvaluation, evaluate, open_normalizer_judges
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, settings = snakemake.input, run.settings
    spec, seed, threads = NormalizerSpec.from_plain(settings["normalizer"]), settings["seed"], run.threads
    runtime = start(**run.device, precision=settings["precision"], seed=seed, threads=threads)
    images = open_pair(settings["pair"], images=inputs.images, indexes=inputs.indexes, stack=stack)
    normalizer = open_normalizer(spec, Path(inputs.weights), size=size_of(images.sets), runtime=runtime)
    classifiers = dict(zip(settings["augmentations"], map(Path, inputs.classifiers), strict=True))
    pairs = open_domains(images=inputs.pairs, indexes=inputs.pair_indexes, stack=stack) if inputs.get("pairs") else {}
    judges = open_normalizer_judges(
        inception=Path(inputs.inception),
        real=Path(inputs.real),
        classifiers=classifiers,
        pairs=pairs,
        runtime=runtime,
        threads=threads,
    )
    evaluation = NormalizerEvaluation(**settings["evaluation"], seed=seed, threads=threads)
    metrics = evaluate(
        traits=spec.traits,
        normalizer=normalizer,
        images=images,
        split=read_split(Path(inputs.split)),
        judges=judges,
        settings=evaluation,
    )
    write_json(metrics, Path(snakemake.output.metrics))
