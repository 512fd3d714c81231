"""Measure one generator."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.imageset import open_image_sets
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.evaluate import EvaluationSettings
from hemabalance.synthesis.judges import open_judges
from hemabalance.synthesis.measure import Draws, measure_generator
from hemabalance.synthesis.reals import read_reals
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    held, drawn, snapshots = open_image_sets(given.zips, given.indexes, stack)
    measure_generator(
        Draws(drawn, Path(given.features), snapshots),
        held,
        read_split(Path(given.split)),
        wanted["protocol"],
        read_reals(Path(given.real), Path(given.real_features)),
        open_judges(Path(given.inception), Path(given.lpips), Path(given.judge), runtime=runtime),
        EvaluationSettings.of(wanted["evaluation"]),
        metrics=Path(out.metrics),
        neighbours=Path(out.neighbours),
        copy_quantile=wanted["copy_quantile"],
        seed=wanted["seed"],
        threads=run.threads,
    )
