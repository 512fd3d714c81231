"""Compute the features of the real images that generators are compared with."""

from pathlib import Path

from hemabalance.stage import stage
from hemabalance.synthesis.data import open_real_images
from hemabalance.synthesis.judges import open_inception, open_perceptual
from hemabalance.synthesis.real_image_features import select_real_images
from hemabalance.synthesis.real_image_measurement import measure_real_images
from hemabalance.training.device import start

with stage(snakemake) as run:
    files, out, settings, seed = snakemake.input, snakemake.output, run.settings, run.settings["seed"]
    runtime = start(**run.device, precision=settings["precision"], seed=seed, threads=run.threads)
    with open_real_images(
        images=files.images, index=files.index, split=files.split, protocol=settings["protocol"], threads=run.threads
    ) as source:
        measure_real_images(
            source=source,
            rows=select_real_images(source.split, source.protocol, settings["classes"], **settings["most"], seed=seed),
            size=settings["size"],
            extract=open_inception(Path(files.inception), runtime),
            perceptual=open_perceptual(Path(files.lpips), runtime),
            table=Path(out.table),
            features=Path(out.features),
        )
