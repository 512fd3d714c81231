"""Table what was measured of the normalisers that are compared."""

from pathlib import Path

from hemabalance.report.cells import write_csv
from hemabalance.report.stain.tables import read_normalizer_results, stain_tables
from hemabalance.stage import stage

with stage(snakemake) as run:
    metrics, training = (
        [Path(path) for path in paths] for paths in (snakemake.input.metrics, snakemake.input.training)
    )
    for name, table in stain_tables(read_normalizer_results(run.settings["normalizers"], metrics, training)).items():
        write_csv(table, Path(snakemake.output[name]))
