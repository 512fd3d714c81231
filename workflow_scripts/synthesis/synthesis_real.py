"""Let the judges look at the real images that generators are compared with."""

from pathlib import Path

from hemabalance.dataset.imageset import ImageSet
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.judges import open_inception, open_perceptual
from hemabalance.synthesis.real_image_features import select_real_images
from hemabalance.synthesis.real_image_measurement import measure_real_images
from hemabalance.training.device import start

with stage(snakemake) as run, ImageSet(Path(snakemake.input.images), Path(snakemake.input.index)) as held:
    inputs, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    measure_real_images(
        held,
        select_real_images(
            read_split(Path(inputs.split)), settings["protocol"], **settings["most"], seed=settings["seed"]
        ),
        settings["size"],
        open_inception(Path(inputs.inception), runtime),
        open_perceptual(Path(inputs.lpips), runtime),
        table=Path(out.table),
        features=Path(out.features),
        threads=run.threads,
    )
