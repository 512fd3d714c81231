"""Table what was measured of the generators that are compared."""

from pathlib import Path

from hemabalance.report.cells import write_csv
from hemabalance.report.synthesis.generator_results import read_generator_results
from hemabalance.report.synthesis.tables import synthesis_tables
from hemabalance.stage import stage

with stage(snakemake) as run:
    inputs = snakemake.input
    files = ([Path(path) for path in paths] for paths in (inputs.metrics, inputs.training, inputs.gates))
    for name, table in synthesis_tables(read_generator_results(run.settings["generators"], *files)).items():
        write_csv(table, Path(snakemake.output[name]))
