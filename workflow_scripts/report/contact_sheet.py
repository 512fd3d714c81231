"""Draw a contact sheet of one source."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.sheets import contact_sheet
from hemabalance.stage import stage

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as images:
    contact_sheet(images, Path(snakemake.output.figure), seed=run.settings["seed"])
