"""Evaluate one generator."""

from contextlib import ExitStack
from pathlib import Path

from hemabalance.config.roles import RolesConfig
from hemabalance.dataset.imageset import open_image_sets
from hemabalance.dataset.splits import read_split
from hemabalance.stage import stage
from hemabalance.synthesis.data import RealImageSource
from hemabalance.synthesis.evaluate import EvaluationSettings
from hemabalance.synthesis.judges import open_judges
from hemabalance.synthesis.measure import GeneratorOutput, RunClasses, measure_generator
from hemabalance.synthesis.real_image_features import read_real_image_features
from hemabalance.training.device import start

with stage(snakemake) as run, ExitStack() as stack:
    files, out, settings = snakemake.input, snakemake.output, run.settings
    runtime = start(**run.device, precision=settings["precision"], seed=settings["seed"], threads=run.threads)
    images, samples, snapshots = open_image_sets(zips=files.zips, indexes=files.indexes, stack=stack)
    measurement = measure_generator(
        output=GeneratorOutput(images=samples, features=Path(files.features), snapshots=snapshots),
        source=RealImageSource(
            images=images, split=read_split(Path(files.split)), protocol=settings["protocol"], threads=run.threads
        ),
        real=read_real_image_features(Path(files.real), Path(files.real_features)),
        judges=open_judges(
            inception=Path(files.inception), lpips=Path(files.lpips), classifier=Path(files.judge), runtime=runtime
        ),
        settings=EvaluationSettings.from_plain(settings["evaluation"]),
        run_classes=RunClasses(
            tuple(settings["classes"]), settings["serves"], RolesConfig.from_plain(settings["roles"])
        ),
        copy_quantile=settings["copy_quantile"],
        seed=settings["seed"],
    )
    measurement.write(metrics=Path(out.metrics), neighbours=Path(out.neighbours))
