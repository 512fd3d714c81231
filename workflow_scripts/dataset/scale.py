"""Measure the cells in a sample of a source's photographs."""

from pathlib import Path

from hemabalance.bookkeeping.plain_paths import users_path
from hemabalance.dataset.manifest_table import read_manifest
from hemabalance.dataset.scale import write_sizes
from hemabalance.sources.archives import Limits
from hemabalance.sources.decode import PixelLimits
from hemabalance.sources.outlines import write_outlines
from hemabalance.sources.scale import measure_source
from hemabalance.stage import stage

with stage(snakemake) as run:
    measured = measure_source(
        users_path(snakemake.input.archive),
        read_manifest(Path(snakemake.input.manifest)),
        limits=Limits(**run.settings["limits"]),
        pixels=PixelLimits(**run.settings["pixels"]),
        fit=run.settings["fit"],
        seed=run.settings["seed"],
        threads=run.threads,
    )
    write_sizes(measured.sizes, Path(snakemake.output.sizes))
    write_outlines(measured, Path(snakemake.output.outlines))
