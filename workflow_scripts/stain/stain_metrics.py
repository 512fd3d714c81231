"""Measure one stain normaliser."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.files import write_json
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets, size_of
from hemabalance.stain.evaluate import Evaluation, evaluate, open_judges
from hemabalance.stain.fit import open_normalizer
from hemabalance.stain.method import NormalizerSpec
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    given, wanted = snakemake.input, run.settings
    spec, seed, threads = NormalizerSpec.of(wanted["normalizer"]), wanted["seed"], run.threads
    runtime = start(**run.device, precision=wanted["precision"], seed=seed, threads=threads)
    sets = open_sets(given.images, given.indexes, stack)
    normalizer = open_normalizer(spec, Path(given.weights), size=size_of(sets), runtime=runtime)
    classifiers = dict(zip(wanted["augmentations"], map(Path, given.classifiers), strict=True))
    pairs = open_sets(given.pairs, given.pair_indexes, stack) if given.get("pairs") else {}
    judges = open_judges(Path(given.inception), Path(given.real), classifiers, pairs, runtime=runtime, threads=threads)
    how = Evaluation(**wanted["evaluation"], seed=seed, threads=threads)
    measured = evaluate(spec.traits, normalizer, sets, read_split(Path(given.split)), judges, how)
    write_json(measured, Path(snakemake.output.metrics))
