"""Draw images of each class: real, as drawn, and accepted."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.dataset.tables import read_table
from hemabalance.report.synthesis.samples import sample_sheet
from hemabalance.stage import stage
from hemabalance.synthesis.rejection_sampling import SCHEMA

with (
    stage(snakemake) as run,
    ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held,
    ImageSet(Path(snakemake.input.drawn), Path(snakemake.input.drawn_index)) as made,
):
    sample_sheet(
        made,
        read_table(Path(snakemake.input.gate), SCHEMA),
        held,
        read_split(Path(snakemake.input.split)),
        Path(snakemake.output.figure),
        protocol=run.settings["protocol"],
        of=run.settings["of"],
        threads=run.threads,
    )
