"""Draw generated images beside the nearest training images."""

from pathlib import Path

import pandas as pd

from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.synthesis.pairs import pairs_figure
from hemabalance.stage import stage

with (
    stage(snakemake) as run,
    ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held,
    ImageSet(Path(snakemake.input.drawn), Path(snakemake.input.drawn_index)) as made,
):
    neighbours = pd.read_parquet(snakemake.input.neighbours)
    pairs_figure(made, held, neighbours, Path(snakemake.output.figure), of=run.settings["of"])
