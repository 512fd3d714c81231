"""Let the judges look at the real images that generators are compared with."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.judges import open_inception, open_perceptual
from hemabalance.synthesis.look import look_at_real
from hemabalance.synthesis.reals import to_look_at
from hemabalance.training.device import start

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    given, out, wanted = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=wanted["precision"], seed=wanted["seed"], threads=run.threads)
    look_at_real(
        held,
        to_look_at(read_split(Path(given.split)), wanted["protocol"], **wanted["most"], seed=wanted["seed"]),
        wanted["size"],
        open_inception(Path(given.inception), runtime),
        open_perceptual(Path(given.lpips), runtime),
        table=Path(out.table),
        features=Path(out.features),
        threads=run.threads,
    )
