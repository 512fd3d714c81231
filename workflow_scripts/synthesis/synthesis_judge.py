"""Train the classifier that judges synthetic images, on real training images only."""

from pathlib import Path

from hemabalance.stage import stage
from hemabalance.synthesis.data import open_real_images
from hemabalance.synthesis.fit_judge import fit_judge
from hemabalance.training.device import start
from hemabalance.training.job import FitJob
from hemabalance.training.small_classifier_settings import SmallClassifierSettings

with stage(snakemake) as run:
    files, out, settings, seed = snakemake.input, snakemake.output, run.settings, run.settings["seed"]
    runtime = start(**run.device, precision=settings["precision"], seed=seed, threads=run.threads)
    with open_real_images(
        images=files.images, index=files.index, split=files.split, protocol=settings["protocol"], threads=run.threads
    ) as source:
        fit_judge(
            source=source,
            classes=settings["classes"],
            size=settings["size"],
            settings=SmallClassifierSettings(**settings["classifier"]),
            job=FitJob(runtime=runtime, state=run.state, history=Path(out.history), threads=run.threads, seed=seed),
            weights=Path(out.weights),
            training=Path(out.training),
            seen=Path(out.seen),
        )
