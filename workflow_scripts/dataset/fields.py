"""Choose the share of the frame of each source with which cells have one size."""

from pathlib import Path

from hemabalance.dataset.scale import read_sizes, resolved_fields, write_fields
from hemabalance.files import named_paths
from hemabalance.stage import stage

with stage(snakemake) as run:
    sizes = read_sizes(named_paths(run.settings["measured"], snakemake.input.sizes))
    method, fields = resolved_fields(run.settings["fields"], sizes, anchor=run.settings["anchor"])
    write_fields(method, fields, Path(snakemake.output.fields))
