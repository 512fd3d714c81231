"""Draw how often the asked class is recognised along a training."""

from pathlib import Path

from hemabalance.report.synthesis.agreement import agreement_figure
from hemabalance.report.synthesis.generator_results import read_generator_results
from hemabalance.stage import stage

with stage(snakemake) as run:
    files = ([Path(snakemake.input[name])] for name in ("metrics", "training", "gate"))
    (one,) = read_generator_results([run.settings["generator"]], *files)
    agreement_figure(one, Path(snakemake.output.figure))
