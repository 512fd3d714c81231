"""Count images by class, source and part of a split."""

from pathlib import Path

from hemabalance.dataset.splits import read_split
from hemabalance.report.counts import split_table, write_csv
from hemabalance.stage import stage

with stage(snakemake) as run:
    write_csv(split_table(read_split(Path(snakemake.input.split))), Path(snakemake.output.table))
