"""Draw each class with and without a part of the method."""

from pathlib import Path

from hemabalance.report.classify.classifier_results import read_classifier_results
from hemabalance.report.classify.experiments import part_figure
from hemabalance.stage import stage

with stage(snakemake) as run:
    metrics, training = ([Path(path) for path in snakemake.input[name]] for name in ("metrics", "training"))
    without, whole = read_classifier_results(run.settings["experiments"], metrics, training)
    part_figure(without, whole, run.settings["row"], Path(snakemake.output.figure))
