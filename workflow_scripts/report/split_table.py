"""Count images by class, source and part of a split."""

from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.counts import split_table
from hemabalance.stage import stage

with stage(snakemake) as run:
    write_csv(split_table(read_split(Path(snakemake.input.split))), Path(snakemake.output.table))
