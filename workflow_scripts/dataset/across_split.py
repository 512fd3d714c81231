"""Split the images of all sources but one into an unlabelled half and a test half."""

from pathlib import Path

from hemabalance.dataset.across import across_split
from hemabalance.dataset.splits import read_split, write_split
from hemabalance.stage import stage

with stage(snakemake) as run:
    split = read_split(Path(snakemake.input.split))
    table = across_split(split, run.settings["source"], seed=run.settings["seed"])
    write_split(table, Path(snakemake.output.split))
