"""Compare two experiments on the same test images, seed by seed."""

from pathlib import Path

from hemabalance.classify.compare import write_comparison
from hemabalance.stage import stage

with stage(snakemake) as run:
    files = zip(run.settings["seeds"], (snakemake.input.a, snakemake.input.b), strict=True)
    a, b = ([*zip(seeds, map(Path, paths), strict=True)] for seeds, paths in files)
    write_comparison(
        a,
        b,
        Path(snakemake.output.comparison),
        names=tuple(run.settings["names"]),
        resample_seed=run.settings["seed"],
    )
