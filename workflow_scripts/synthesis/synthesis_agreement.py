"""Draw how often the asked class is recognised along a training."""

from pathlib import Path

from hemabalance.report.synthesis.agreement import agreement_figure
from hemabalance.report.synthesis.generated import read_generated
from hemabalance.stage import stage

with stage(snakemake) as run:
    files = ([Path(snakemake.input[name])] for name in ("metrics", "training", "gate"))
    (one,) = read_generated([run.settings["generator"]], *files)
    agreement_figure(one, Path(snakemake.output.figure))
