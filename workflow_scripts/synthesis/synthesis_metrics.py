"""Measure one generator."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.imageset import open_image_sets
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.evaluate import EvaluationSettings
from hemabalance.synthesis.judges import open_judges
from hemabalance.synthesis.measure import GeneratorOutput, measure_generator
from hemabalance.synthesis.real_image_features import read_real_image_features
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    held, drawn, snapshots = open_image_sets(inputs.zips, inputs.indexes, stack)
    measure_generator(
        GeneratorOutput(drawn, Path(inputs.features), snapshots),
        held,
        read_split(Path(inputs.split)),
        settings["protocol"],
        read_real_image_features(Path(inputs.real), Path(inputs.real_features)),
        open_judges(Path(inputs.inception), Path(inputs.lpips), Path(inputs.judge), runtime=runtime),
        EvaluationSettings.of(settings["evaluation"]),
        metrics=Path(out.metrics),
        neighbours=Path(out.neighbours),
        copy_quantile=settings["copy_quantile"],
        seed=settings["seed"],
        threads=run.threads,
    )
