"""Table and draw balanced sets, and what their audits found."""

from pathlib import Path

from hemabalance.report.classify.experiments import balance_outputs
from hemabalance.stage import stage

with stage(snakemake):
    out = {name: Path(path) for name, path in snakemake.output.items()}
    balance_outputs([Path(path) for path in snakemake.input.audits], out)
