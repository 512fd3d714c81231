"""Draw what colour gives away, before and after each normaliser."""

from pathlib import Path

from hemabalance.report.stain.probes import audit_figure
from hemabalance.report.stain.tables import read_normalizer_results
from hemabalance.stage import stage

with stage(snakemake) as run:
    metrics, training = (
        [Path(path) for path in paths] for paths in (snakemake.input.metrics, snakemake.input.training)
    )
    audit_figure(read_normalizer_results(run.settings["normalizers"], metrics, training), Path(snakemake.output.figure))
