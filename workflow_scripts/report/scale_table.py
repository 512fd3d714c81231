"""Measure how large each source shows its red cells."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.report.cells import write_csv
from hemabalance.report.dataset.scale import scale_table
from hemabalance.stage import stage

with stage(snakemake) as run, ExitStack() as stack:
    fields = run.settings["fields"]
    files = zip(sorted(fields), snakemake.input.images, snakemake.input.indexes, strict=True)
    sets = {name: stack.enter_context(ImageSet(Path(images), Path(index))) for name, images, index in files}
    write_csv(scale_table(sets, fields, seed=run.settings["seed"]), Path(snakemake.output.table))
