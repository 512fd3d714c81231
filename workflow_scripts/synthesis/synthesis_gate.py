"""Draw what became of the draws of each class."""

from pathlib import Path

from hemabalance.dataset.tables import read_table
from hemabalance.report.synthesis.gate import gate_figure
from hemabalance.stage import stage
from hemabalance.synthesis.rejection_sampling import SCHEMA

with stage(snakemake) as run:
    files = zip(run.settings["generators"], snakemake.input.gates, strict=True)
    gate_figure({name: read_table(Path(path), SCHEMA) for name, path in files}, Path(snakemake.output.figure))
