"""Table what was measured of the generators that are compared."""

from pathlib import Path

from hemabalance.report.cells import write_csv
from hemabalance.report.synthesis.generated import read_generated
from hemabalance.report.synthesis.tables import synthesis_tables
from hemabalance.stage import stage

with stage(snakemake) as run:
    given = snakemake.input
    files = ([Path(path) for path in paths] for paths in (given.metrics, given.training, given.gates))
    for name, table in synthesis_tables(read_generated(run.settings["generators"], *files)).items():
        write_csv(table, Path(snakemake.output[name]))
