"""Fit one stain normaliser."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.sources.phantom.pairs import read_pairs
from hemabalance.stage import stage
from hemabalance.stain.data import open_sets
from hemabalance.stain.fit import fit_normalizer
from hemabalance.training.device import start
from hemabalance.training.job import FitJob

with stage(snakemake) as run, ExitStack() as stack:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    rendered = open_sets(given.pairs, given.pair_indexes, stack)
    fit_normalizer(
        wanted["method"],
        wanted["own"],
        open_sets(given.images, given.indexes, stack),
        read_split(Path(given.split)),
        wanted["protocol"],
        tuple(read_pairs(rendered[look], "train", "photograph", threads=run.threads) for look in ("a", "b")),
        FitJob(runtime, run.state, Path(out.history), run.threads, wanted["seed"]),
        weights=Path(out.weights),
        training=Path(out.training),
        seen=Path(out.seen),
    )
